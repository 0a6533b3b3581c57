/** One error in Cloudflare's envelope. */
export interface ApiError {
  readonly code: number;
  readonly message: string;
  readonly error_chain?: readonly { readonly code: number; readonly message: string }[];
}

/** A request that the API refuses, with its response. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly errors: readonly ApiError[];

  constructor(status: number, ...errors: readonly ApiError[]) {
    super(errors.map(({ code, message }) => `${code} ${message}`).join('; '));
    this.status = status;
    this.errors = errors;
  }
}

/** A refusal of a record's content. Where no code is published, it is 1004, the general one. */
export function invalid(message: string, code = 1004): Refusal {
  return new Refusal(400, { code, message });
}

export const refusals = {
  noSuchRoute: (path: string) =>
    new Refusal(
      400,
      { code: 7003, message: `Could not route to ${path}, perhaps your object identifier is invalid?` },
      { code: 7000, message: 'No route for that URI' },
    ),
  noSuchZone: () => new Refusal(404, { code: 1001, message: 'Invalid zone identifier' }),
  noSuchRecord: () => new Refusal(404, { code: 81044, message: 'Record does not exist.' }),
  methodNotAllowed: () => new Refusal(405, { code: 10405, message: 'Method not allowed for this endpoint' }),
  contentType: () => invalid('Content-type must be application/json.', 9207),
  bodyTooLarge: () => new Refusal(413, { code: 9207, message: 'Request body is too large.' }),
  body: () => invalid('Request body is invalid.', 9207),
  headersMissing: () => invalid('Missing X-Auth-Key, X-Auth-Email or Authorization headers', 9106),
  headerMalformed: () =>
    new Refusal(400, {
      code: 6003,
      message: 'Invalid request headers',
      error_chain: [{ code: 6111, message: 'Invalid format for Authorization header' }],
    }),
  tokenUnknown: () => new Refusal(403, { code: 9109, message: 'Invalid access token' }),
  tokenUnknownToVerify: () => new Refusal(401, { code: 1000, message: 'Invalid API Token' }),
  // Observed in the DNS endpoints, which respond 400 where the others respond 403.
  tokenUnknownToDns: () => new Refusal(400, { code: 9106, message: 'Authentication failed' }),
  tokenElsewhere: (address: string) =>
    new Refusal(403, { code: 9109, message: `Cannot use the access token from location: ${address}` }),
  mayNotListZones: (id: string) =>
    new Refusal(403, {
      code: 0,
      message: `Actor 'com.cloudflare.api.token.${id}' requires permission 'com.cloudflare.api.account.zone.list' to list zones`,
    }),
  mayNotReadZone: () =>
    new Refusal(403, { code: 9109, message: 'Unauthorized to access requested resource' }),
  mayNotUseDns: () => new Refusal(403, { code: 10000, message: 'Authentication error' }),
  identical: () => invalid('An identical record already exists.', 81058),
  hostTaken: () => invalid('An A, AAAA, or CNAME record with that host already exists.', 81053),
  aliasTaken: () => invalid('A CNAME record with that host already exists.', 81054),
};
