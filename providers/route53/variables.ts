import * as types from '../../src/config/types.ts';
import { optional, required, withDefault } from '../../src/config/variable.ts';

const WHERE = 'IAM console > Users > the user > Security credentials > Access keys > Create access key';

/** `Z0123456789ABC`, with or without the API's prefix. */
const hostedZoneId = types.type('hosted zone id', (text) => {
  const id = /^(?:\/?hostedzone\/)?([A-Z0-9]{1,32})$/.exec(text)?.[1];
  return id ?? { wrong: 'is not a hosted zone id of capital letters and digits' };
});

/**
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: a role may have a
 * path.
 */
const roleArn = types.text(
  'ARN of an IAM role',
  /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/,
  'is not the ARN of an IAM role',
);

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const externalId = types.text(
  'external id',
  /^[\w+=,.@:/-]{2,1224}$/,
  'is not 2 to 1224 letters, digits and +=,.@:/-',
);

const region = types.text('region', /^[a-z]{2,}(?:-[a-z]+)+-\d{1,2}$/, 'is not the code of a region');

/** Route 53's rows of the table of variables. */
export const variables = {
  accessKeyId: required(types.secretText, {
    name: 'AWS_ACCESS_KEY_ID',
    secret: true,
    help: 'Id of an IAM access key or of temporary credentials. Only these variables are used: no profile, no file in ~/.aws, no metadata service.',
    fix: `Create one at ${WHERE}, and set both of its parts.`,
  }),
  secretAccessKey: required(types.secretText, {
    name: 'AWS_SECRET_ACCESS_KEY',
    secret: true,
    help: 'Secret of that access key.',
    fix: `Copy it when the key is created, the only time that it is shown; create a new key at ${WHERE}.`,
  }),
  sessionToken: optional(types.secretText, {
    name: 'AWS_SESSION_TOKEN',
    secret: true,
    help: 'Third part of temporary credentials. These expire within hours; for a service, use an access key and AWS_ROLE_ARN.',
    fix: 'Remove it if the access key is permanent (its id starts with AKIA).',
  }),
  region: withDefault(region, 'us-east-1', {
    name: 'AWS_REGION',
    aliases: ['AWS_DEFAULT_REGION'],
    help: 'Route 53 is the same in every region; the region only determines the partition (China, GovCloud) and where the role is assumed.',
    fix: 'Remove it, or set a code such as eu-central-1.',
  }),
  roleArn: optional(roleArn, {
    name: 'AWS_ROLE_ARN',
    help: 'Role to assume for all Route 53 requests; the access key then needs only sts:AssumeRole on it.',
    fix: 'Copy it from IAM console > Roles > the role > ARN, such as arn:aws:iam::123456789012:role/dns.',
  }),
  externalId: optional(externalId, {
    name: 'AWS_ROLE_EXTERNAL_ID',
    aliases: ['AWS_EXTERNAL_ID'],
    help: 'The sts:ExternalId that the trust policy of that role requires, if the role belongs to another account.',
    fix: 'Remove it, or copy it from IAM console > Roles > the role > Trust relationships.',
  }),
  hostedZoneId: optional(hostedZoneId, {
    name: 'AWS_HOSTED_ZONE_ID',
    help: 'The hosted zone to write to, with or without /hostedzone/. Default: the longest public zone of the account that contains the name. If set, route53:ListHostedZones is not needed.',
    fix: 'Copy it from Route 53 console > Hosted zones > the zone > Hosted zone details, or remove the variable.',
  }),
  route53Url: optional(types.url, {
    name: 'AWS_ENDPOINT_URL_ROUTE_53',
    help: "Another base URL of Route 53's API, for tests and private networks.",
    fix: 'Remove it.',
  }),
  stsUrl: optional(types.url, {
    name: 'AWS_ENDPOINT_URL_STS',
    help: 'Another base URL of the STS API, for tests and private networks.',
    fix: 'Remove it.',
  }),
};
