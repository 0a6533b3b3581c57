import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTable } from '../../src/config/read.ts';
import { variables } from './variables.ts';

const KEY = { AWS_ACCESS_KEY_ID: 'AKIAKEY', AWS_SECRET_ACCESS_KEY: 'abc/def+ghi' };
const read = (environment: Readonly<Record<string, string>>) =>
  readTable(variables, { ...KEY, ...environment }, () => '');

test('an empty variable, as compose passes it, counts as not set', () => {
  const { values, faults } = read({
    AWS_ROLE_ARN: '',
    AWS_SESSION_TOKEN: ' ',
    AWS_HOSTED_ZONE_ID: '',
    AWS_REGION: '',
  });
  assert.deepEqual(faults, []);
  assert.deepEqual(
    [values.roleArn, values.sessionToken, values.hostedZoneId, values.region],
    [undefined, undefined, undefined, 'us-east-1'],
  );
});

test('quotes and line breaks around keys are removed', () => {
  const { values } = read({ AWS_ACCESS_KEY_ID: ' "AKIAKEY"\n', AWS_SECRET_ACCESS_KEY: "'abc/def+ghi'\r\n" });
  assert.deepEqual(
    [values.accessKeyId.reveal(), values.secretAccessKey.reveal()],
    ['AKIAKEY', 'abc/def+ghi'],
  );
});

for (const id of ['Z0123456789ABC', '/hostedzone/Z0123456789ABC', 'hostedzone/Z0123456789ABC']) {
  test(`${id} is accepted as a hosted zone id`, () => {
    assert.equal(read({ AWS_HOSTED_ZONE_ID: id }).values.hostedZoneId, 'Z0123456789ABC');
  });
}

const good: readonly (readonly [name: string, value: string])[] = [
  ['AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/path/to/dns-role_1'],
  ['AWS_ROLE_ARN', 'arn:aws-us-gov:iam::123456789012:role/dns'],
  ['AWS_REGION', 'us-gov-west-1'],
  ['AWS_DEFAULT_REGION', 'ap-southeast-4'],
  ['AWS_EXTERNAL_ID', 'a/b:c@d'],
];
for (const [name, value] of good) {
  test(`${name} may be ${value}`, () => assert.deepEqual(read({ [name]: value }).faults, []));
}

const bad: readonly (readonly [name: string, value: string])[] = [
  ['AWS_ROLE_ARN', 'dns-role'],
  ['AWS_ROLE_ARN', 'arn:aws:iam::123456789012:user/dns'],
  ['AWS_ROLE_ARN', 'arn:aws:iam::12345:role/dns'],
  ['AWS_REGION', 'global'],
  ['AWS_HOSTED_ZONE_ID', 'example.com'],
  ['AWS_SECRET_ACCESS_KEY', 'two words'],
];
for (const [name, value] of bad) {
  test(`${name} may not be ${value}`, () => {
    const [fault] = read({ [name]: value }).faults;
    assert.equal(fault?.variable, name);
  });
}
