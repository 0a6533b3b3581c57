/** One error in Linode's envelope (https://techdocs.akamai.com/linode-api/reference/errors). */
export interface ApiError {
  readonly reason: string;
  readonly field?: string;
}

/** A request that the API refuses, with its response. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly errors: readonly ApiError[];

  constructor(status: number, ...errors: readonly ApiError[]) {
    super(errors.map(({ reason, field = '' }) => `${field} ${reason}`).join('; '));
    this.status = status;
    this.errors = errors;
  }
}

/** A refusal of one field of the request. */
export function invalid(field: string, reason: string): Refusal {
  return new Refusal(400, { reason, field });
}

/**
 * Reasons that appear in issue threads or recorded responses are verbatim; the others are not
 * published anywhere.
 */
export const refusals = {
  token: () => new Refusal(401, { reason: 'Invalid Token' }),
  // With 401, as in github.com/trailofbits/algo/pull/14348.
  scope: () => new Refusal(401, { reason: 'Your OAuth token is not authorized to use this endpoint.' }),
  grant: () => new Refusal(403, { reason: 'Unauthorized' }),
  notFound: () => new Refusal(404, { reason: 'Not found' }),
  method: () => new Refusal(405, { reason: 'Method Not Allowed' }),
  contentType: () => new Refusal(415, { reason: 'Unsupported Media Type' }),
  json: () => new Refusal(400, { reason: 'Invalid JSON' }),
  filter: (key: string) => new Refusal(400, { reason: 'Cannot filter on field', field: key }),
  tooMany: () => new Refusal(429, { reason: 'Too many requests' }),
  // github.com/kubernetes-sigs/external-dns/issues/3924,
  // github.com/linode/ansible_linode/issues/635
  alias: () => invalid('name', 'Record conflict - CNAMES must be unique'),
  full: () => new Refusal(400, { reason: 'Domain has reached the maximum number of records' }),
};
