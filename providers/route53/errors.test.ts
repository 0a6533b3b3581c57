import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { refusalOf } from './answers.ts';
import { badAnswer, isExpired, isNoSuchChange, isStale, toIngressError } from './errors.ts';

const asked = {
  doing: 'list the hosted zones',
  action: 'route53:ListHostedZones',
  resource: '*',
  secrets: [new Secret('s3cret'), new Secret('AKIAKEY')],
};

const body = (code: string, message: string) =>
  `<?xml version="1.0"?>\n<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`;
const refused = (status: number, text: string, retryAfterMs?: number) =>
  toIngressError({ status, text, retryAfterMs }, asked);

const refusals: readonly (readonly [status: number, code: string, message: string, expected: ErrorCode])[] = [
  [403, 'AccessDenied', 'User is not authorized', 'PROVIDER_PERMISSION_MISSING'],
  [401, 'NotAuthorizedException', 'no', 'PROVIDER_PERMISSION_MISSING'],
  [
    403,
    'InvalidClientTokenId',
    'The security token included in the request is invalid.',
    'PROVIDER_CREDENTIALS_REJECTED',
  ],
  [403, 'UnrecognizedClientException', 'no', 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, 'SignatureDoesNotMatch', 'no', 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, 'ExpiredToken', 'no', 'PROVIDER_CREDENTIALS_REJECTED'],
  [400, 'RequestExpired', 'no', 'PROVIDER_CREDENTIALS_REJECTED'],
  [404, 'NoSuchHostedZone', 'No hosted zone found with ID: Z1', 'ZONE_NOT_FOUND'],
  [400, 'Throttling', 'Rate exceeded', 'PROVIDER_RATE_LIMITED'],
  [400, 'PriorRequestNotComplete', 'still processing a prior request', 'PROVIDER_UNAVAILABLE'],
  [400, 'InvalidInput', 'Invalid request', 'PROVIDER_REJECTED'],
  [
    400,
    'InvalidChangeBatch',
    '[Tried to create resource record set but it already exists]',
    'PROVIDER_CONFLICT',
  ],
  [400, 'InvalidChangeBatch', '[Tried to delete it but it was not found]', 'PROVIDER_CONFLICT'],
  [400, 'InvalidChangeBatch', '[values provided do not match the current values]', 'PROVIDER_CONFLICT'],
  [
    400,
    'InvalidChangeBatch',
    '[CNAME is not permitted as it conflicts with other records]',
    'PROVIDER_CONFLICT',
  ],
  [400, 'InvalidChangeBatch', '[because a conflicting RRSet of type  CNAME]', 'PROVIDER_CONFLICT'],
  [400, 'InvalidChangeBatch', '[as other RRSets exist with the same name and type.]', 'PROVIDER_CONFLICT'],
  [
    400,
    'InvalidChangeBatch',
    '[as a non-weighted set exists with the same name and type.]',
    'PROVIDER_CONFLICT',
  ],
  [400, 'InvalidChangeBatch', '[RRSet is not permitted in zone example.net.]', 'PROVIDER_REJECTED'],
  [500, 'InternalFailure', 'sorry', 'PROVIDER_UNAVAILABLE'],
  [503, 'SlowDown', 'an unknown code', 'PROVIDER_UNAVAILABLE'],
];
for (const [status, code, message, expected] of refusals) {
  test(`${status} ${code} ${message} is ${expected}`, () => {
    const error = refused(status, body(code, message));
    assert.equal(error.code, expected);
    assert.ok(error.message.includes(message), 'the message of AWS is missing');
    const { reason: _, action: __, resource: ___, ...details } = error.details;
    assert.deepEqual(details, { status, code, requestId: 'r-1' });
  });
}

for (const [status, text, expected] of [
  [403, '<html><body>Forbidden</body></html>', 'PROVIDER_BAD_ANSWER'],
  [302, '', 'PROVIDER_BAD_ANSWER'],
  [429, '', 'PROVIDER_RATE_LIMITED'],
  [502, '<html>', 'PROVIDER_UNAVAILABLE'],
] as const) {
  test(`${status} with the body ${JSON.stringify(text)} is ${expected}`, () => {
    const error = refused(status, text);
    assert.equal(error.code, expected);
    assert.equal(error.details['status'], status);
    assert.equal(error.details['code'], undefined);
  });
}

test('both forms of an error are read, and XML escapes are decoded', () => {
  const text =
    '<?xml version="1.0"?><InvalidChangeBatch xmlns="x"><Messages><Message>a &lt;b&gt; &quot;c&quot;</Message><Message>d&#39;&#x21;&amp;lt;</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>';
  const expected = { code: 'InvalidChangeBatch', message: 'a <b> "c", d\'!&lt;', requestId: 'r' };
  assert.deepEqual(refusalOf(text), expected);
  assert.deepEqual(refusalOf('<html></html>'), { code: undefined, message: '', requestId: undefined });
});

test('the pause is that of Retry-After, else a second after a rate limit or a concurrent change', () => {
  assert.equal(refused(400, body('Throttling', 'Rate exceeded')).retryAfterMs, 1000);
  assert.equal(refused(400, body('Throttling', 'Rate exceeded'), 7000).retryAfterMs, 7000);
  assert.equal(refused(400, body('PriorRequestNotComplete', 'x')).retryAfterMs, 1000);
  assert.equal(refused(500, body('InternalFailure', 'x')).retryAfterMs, undefined);
});

test('the permission is the one that AWS names, else the one that the call needs', () => {
  const words =
    'User: arn:aws:iam::1:user/u is not authorized to perform: route53:GetChange on resource: arn:aws:route53:::change/C1 because no identity-based policy allows the route53:GetChange action';
  const permissionIn = (message: string) => {
    const { action, resource, denied } = refused(403, body('AccessDenied', message)).details;
    return [action, resource, denied];
  };
  assert.deepEqual(permissionIn(words), ['route53:GetChange', 'arn:aws:route53:::change/*', undefined]);
  assert.deepEqual(permissionIn('no'), ['route53:ListHostedZones', '*', undefined]);
  assert.deepEqual(permissionIn('no, with an explicit deny'), ['route53:ListHostedZones', '*', true]);
});

test('the message of AWS is shortened, and contains no control characters and no secrets', () => {
  const words = `\u001b[31mAKIAKEY s3cret\n\nThe Canonical String for this request should have been ${'x'.repeat(5000)}`;
  const { message } = refused(403, body('SignatureDoesNotMatch', words));
  assert.doesNotMatch(message, /s3cret|AKIAKEY|Canonical|[\u0000-\u001f]/);
  assert.ok(refused(400, body('InvalidInput', 'x'.repeat(5000))).message.length < 400);
});

test('a stale change, an unknown change and expired credentials are recognized by their code', () => {
  assert.ok(isStale(refused(400, body('InvalidChangeBatch', 'but it already exists'))));
  assert.ok(!isStale(refused(400, body('InvalidChangeBatch', 'not permitted in zone'))));
  assert.ok(isNoSuchChange(refused(404, body('NoSuchChange', 'x'))));
  assert.ok(isExpired(refused(403, body('ExpiredTokenException', 'x'))));
  assert.ok(!isExpired(new Error('ExpiredToken')));
});

const faults: readonly (readonly [code: string, reason: string, retryable: boolean])[] = [
  ['RequestTimeTooSkewed', 'clock-wrong', true],
  ['RequestExpired', 'clock-wrong', true],
  ['ExpiredToken', 'credentials-expired', false],
  ['SignatureDoesNotMatch', 'secret-wrong', false],
  ['InvalidSignatureException', 'secret-wrong', false],
  ['RegionDisabledException', 'sts-not-active', false],
  ['InvalidClientTokenId', 'key-unknown', false],
];
for (const [code, reason, retryable] of faults) {
  test(`the reason of ${code} is ${reason}`, () => {
    const error = refused(403, body(code, 'no'));
    assert.deepEqual([error.details['reason'], error.retryable], [reason, retryable]);
  });
}

test('an undocumented response is PROVIDER_BAD_ANSWER', () =>
  assert.equal(badAnswer(asked, 'HTML').code, 'PROVIDER_BAD_ANSWER'));
