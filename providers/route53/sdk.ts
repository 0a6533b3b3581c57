import {
  ChangeResourceRecordSetsCommand,
  type ChangeResourceRecordSetsCommandInput,
  GetChangeCommand,
  ListHostedZonesCommand,
  type ListHostedZonesCommandInput,
  ListResourceRecordSetsCommand,
  type ListResourceRecordSetsCommandInput,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { AssumeRoleCommand, type AssumeRoleCommandInput, STSClient } from '@aws-sdk/client-sts';
import type { Secret } from '../../src/config/secret.ts';

/**
 * AWS' own clients: they spell, sign and read what is sent. This file is imported late, so that a start that asks no
 * provider does not pay for it.
 */

/** What a request is signed with. */
export interface Keys {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

/** A request as the client hands it over, signed. */
export interface SignedRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ReceivedAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Connection {
  readonly keys: Keys;
  readonly region: string;
  readonly endpoint: string | undefined;
  /** Carries one request to AWS. */
  readonly carry: (request: SignedRequest) => Promise<ReceivedAnswer>;
}

export type Sdk = typeof import('./sdk.ts');

/** A client for one call costs two milliseconds, and knows whom its answer is for. */
function configuration({ keys, region, endpoint, carry }: Connection) {
  return {
    region,
    credentials: {
      accessKeyId: keys.accessKeyId.reveal(),
      secretAccessKey: keys.secretAccessKey.reveal(),
      ...(keys.sessionToken ? { sessionToken: keys.sessionToken.reveal() } : {}),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    // Who calls decides when to try again.
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: SignedRequest) => ({ response: await carry(request) }),
    },
    // Each of these, left out, would be looked for in the environment and in ~/.aws.
    ignoreConfiguredEndpointUrls: true,
    retryMode: 'standard',
    defaultsMode: 'standard' as const,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'dstack-ingress',
    authSchemePreference: [],
  };
}

export function listHostedZones(
  connection: Connection,
  input: ListHostedZonesCommandInput,
): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new ListHostedZonesCommand(input));
}

export function listResourceRecordSets(
  connection: Connection,
  input: ListResourceRecordSetsCommandInput,
): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new ListResourceRecordSetsCommand(input));
}

export function changeResourceRecordSets(
  connection: Connection,
  input: ChangeResourceRecordSetsCommandInput,
): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new ChangeResourceRecordSetsCommand(input));
}

export function getChange(connection: Connection, id: string): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new GetChangeCommand({ Id: id }));
}

export function assumeRole(connection: Connection, input: AssumeRoleCommandInput): Promise<unknown> {
  return new STSClient(configuration(connection)).send(new AssumeRoleCommand(input));
}
