/**
 * A request that the API refuses, with its response. Messages are those of
 * https://docs.aws.amazon.com/Route53/latest/APIReference/ and of its users' reports.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** All faults of a batch, in brackets, as the API lists them. */
export function invalidBatch(...messages: readonly string[]): Refusal {
  return new Refusal(400, 'InvalidChangeBatch', `[${messages.join(', ')}]`);
}

export function invalidInput(message: string): Refusal {
  return new Refusal(400, 'InvalidInput', message);
}

export const refusals = {
  noSuchRoute: () =>
    new Refusal(404, 'UnknownOperationException', 'The requested operation is not recognized.'),
  noSuchZone: (id: string) => new Refusal(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`),
  noSuchChange: (id: string) => new Refusal(404, 'NoSuchChange', `Could not find resource with ID: ${id}`),
  notXml: () => new Refusal(400, 'MalformedInput', 'Unable to parse request body'),
  tokenMissing: () => new Refusal(403, 'MissingAuthenticationToken', 'Missing Authentication Token'),
  signatureIncomplete: (what: string) =>
    new Refusal(400, 'IncompleteSignature', `Authorization header requires ${what}`),
  keyUnknown: () =>
    new Refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.'),
  tokenExpired: () =>
    new Refusal(403, 'ExpiredToken', 'The security token included in the request is expired'),
  signatureLate: (date: string, now: string) =>
    new Refusal(
      403,
      'SignatureDoesNotMatch',
      `Signature expired: ${date} is now earlier than ${now} (${now} - 5 min.)`,
    ),
  scope: (what: string) =>
    new Refusal(403, 'SignatureDoesNotMatch', `Credential should be scoped to ${what}.`),
  signatureWrong: (canonical: string) =>
    new Refusal(
      403,
      'SignatureDoesNotMatch',
      `The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'${canonical}'`,
    ),
  notAllowed: (user: string, action: string, resource: string) =>
    new Refusal(
      403,
      'AccessDenied',
      `User: ${user} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
    ),
};
