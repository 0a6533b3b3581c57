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
 * The AWS SDK clients: they serialize, sign and parse. Import this file only when needed, so that a
 * start without calls to the provider does not load it.
 */

/** What a request is signed with. */
export interface Keys {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

/** A signed request from the SDK. */
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

/** A response for the SDK to parse. */
export interface ReceivedAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What one call is signed with, and where it goes. */
export interface Connection {
  readonly keys: Keys;
  readonly region: string;
  readonly endpoint: string | undefined;
  /** Carries one request to AWS. */
  readonly carry: (request: SignedRequest) => Promise<ReceivedAnswer>;
}

/** This file as a module, loaded late. */
export type Sdk = typeof import('./sdk.ts');

/**
 * One client for each call: it costs two milliseconds, and its response is certainly that of the
 * call.
 */
function configuration({ keys, region, endpoint, carry }: Connection) {
  return {
    region,
    credentials: {
      accessKeyId: keys.accessKeyId.reveal(),
      secretAccessKey: keys.secretAccessKey.reveal(),
      ...(keys.sessionToken ? { sessionToken: keys.sessionToken.reveal() } : {}),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    // Callers decide when to retry.
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: SignedRequest) => ({ response: await carry(request) }),
    },
    // If one of these were missing, the SDK would look for it in the environment and in ~/.aws.
    ignoreConfiguredEndpointUrls: true,
    retryMode: 'standard',
    defaultsMode: 'standard' as const,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'dstack-ingress',
    authSchemePreference: [],
  };
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZones.html */
export function listHostedZones(
  connection: Connection,
  input: ListHostedZonesCommandInput,
): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new ListHostedZonesCommand(input));
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html */
export function listResourceRecordSets(
  connection: Connection,
  input: ListResourceRecordSetsCommandInput,
): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new ListResourceRecordSetsCommand(input));
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html */
export function changeResourceRecordSets(
  connection: Connection,
  input: ChangeResourceRecordSetsCommandInput,
): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new ChangeResourceRecordSetsCommand(input));
}

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html */
export function getChange(connection: Connection, id: string): Promise<unknown> {
  return new Route53Client(configuration(connection)).send(new GetChangeCommand({ Id: id }));
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export function assumeRole(connection: Connection, input: AssumeRoleCommandInput): Promise<unknown> {
  return new STSClient(configuration(connection)).send(new AssumeRoleCommand(input));
}
