import { randomBytes } from 'node:crypto';
import type { ZonePublisher } from '../dns/publisher.ts';
import type { AnsweredFault, Call } from './api-fault.ts';
import { type ApiAnswer, type ApiReply, type ApiRequest, ApiSimulator } from './api-simulator.ts';
import { ACCOUNT, type Grants, Identity, type Role, type RoleOptions } from './route53-identity.ts';
import { type StoredSet, toZoneRecords } from './route53-record-set.ts';
import { Refusal } from './route53-refusal.ts';
import { route, type StoredChange } from './route53-routes.ts';
import { authenticate } from './route53-signature.ts';
import { assumeRole } from './route53-sts.ts';
import { toXml, type XmlTree } from './route53-xml.ts';
import { StoredZone } from './route53-zone.ts';

export type { ApiFault as Fault, Call } from './api-fault.ts';
export type { Grants, Identity } from './route53-identity.ts';
export type { StoredSet } from './route53-record-set.ts';

export interface Route53Options {
  /** A loopback address to listen on. Default: 127.0.0.1. */
  readonly address?: string;
  /** Names of the public hosted zones. */
  readonly zones: readonly string[];
  /** The permissions of the account's first user. Default: all. */
  readonly grants?: Grants;
  /** Receives the zones' content after every write. Default: none. */
  readonly publisher?: ZonePublisher;
  /**
   * Milliseconds from the response to a write until its publication and INSYNC. Default: 0, which
   * publishes before responding.
   */
  readonly publishDelayMs?: number;
}

const NAMESPACE = 'https://route53.amazonaws.com/doc/2013-04-01/';
const STS_NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
/** Requests to Route 53 are signed for this region, whichever is configured. */
const REGION = 'us-east-1';

/**
 * Route 53's API of 2013-04-01 on a loopback address, with AssumeRole of STS at its root: hosted
 * zones, RRsets, changes, users, roles. It keeps state, checks signatures, and refuses what the
 * real API refuses, according to https://docs.aws.amazon.com/Route53/latest/APIReference/ and to
 * reports of its users.
 */
export async function createRoute53(options: Route53Options): Promise<Route53Simulator> {
  const simulator = new Route53Simulator(options);
  await simulator.listen(options.address ?? '127.0.0.1');
  return simulator;
}

export class Route53Simulator extends ApiSimulator {
  /** The account's first user. */
  readonly user: Identity;
  /** The region that STS expects in signatures. */
  stsRegion = REGION;
  /** The number of GetChange calls that still return PENDING, whatever the time. */
  pendingAnswers = 0;
  readonly #zones: StoredZone[] = [];
  readonly #identities = new Map<string, Identity>();
  readonly #roles = new Map<string, Role>();
  readonly #changes = new Map<string, StoredChange>();
  #refusals: { readonly kind: Call['kind'] | 'any'; readonly refusal: Refusal }[] = [];

  constructor({ zones, grants, publisher, publishDelayMs }: Route53Options) {
    super('', { publisher, publishDelayMs });
    for (const name of zones) this.addZone(name);
    this.user = this.addUser(grants);
  }

  addZone(name: string, isPrivate = false): StoredZone {
    const zone = new StoredZone(`Z${randomBytes(10).toString('hex').toUpperCase()}`, name, isPrivate);
    this.#zones.push(zone);
    return zone;
  }

  addUser(grants: Grants = {}): Identity {
    const user = new Identity(`arn:aws:iam::${ACCOUNT}:user/ingress-${this.#identities.size}`, grants);
    this.#identities.set(user.accessKeyId, user);
    return user;
  }

  /** Creates a role and returns its ARN. */
  addRole(options: RoleOptions): string {
    const arn = `arn:aws:iam::${ACCOUNT}:role/${options.name}`;
    this.#roles.set(arn, { ...options, arn });
    return arn;
  }

  /** The sessions of assumed roles, oldest first. */
  sessions(): Identity[] {
    return [...this.#identities.values()].filter(({ sessionToken }) => sessionToken !== undefined);
  }

  zoneId(name: string): string {
    return this.#zone(name).id;
  }

  /** Every RRset in the API's order, including those of the zone itself. */
  setsOf(zone: string): readonly StoredSet[] {
    return this.#zone(zone).sets();
  }

  /**
   * Adds an RRset without validation or publication; replaces one of the same name, type and
   * identifier.
   */
  plant(zone: string, set: Omit<StoredSet, 'others'> & { readonly others?: XmlTree }): void {
    this.#zone(zone).plant({ others: {}, ...set });
  }

  /** Refuses the next correctly signed call of this kind with this code and message. */
  refuseNext(status: number, code: string, message: string, kind: Call['kind'] | 'any' = 'any'): void {
    this.#refusals.push({ kind, refusal: new Refusal(status, code, message) });
  }

  protected override readonly oddities = {
    contentType: 'text/xml',
    half: '<?xml version="1.0"?>\n<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hosted',
    nonsense: '<?xml version="1.0"?>\n<Answer><Ok>true</Ok></Answer>',
  };

  protected override kindOf({ method, path }: ApiRequest): Call['kind'] {
    return method === 'POST' && path !== '/' ? 'write' : 'read';
  }

  protected override carryOut(request: ApiRequest): ApiReply {
    const isSts = request.path === '/';
    const scope = isSts
      ? ({ service: 'sts', region: this.stsRegion } as const)
      : ({ service: 'route53', region: REGION } as const);
    const who = authenticate(request, scope, this.#identities);
    this.#refuseIfDue(this.kindOf(request));
    return isSts ? this.#assume(request, who) : this.#route(request, who);
  }

  #refuseIfDue(kind: Call['kind']): void {
    const due = this.#refusals.find((waiting) => waiting.kind === 'any' || waiting.kind === kind);
    if (!due) return;
    this.#refusals = this.#refusals.filter((waiting) => waiting !== due);
    throw due.refusal;
  }

  #route(request: ApiRequest, who: Identity): ApiReply {
    const account = {
      zones: this.#zones,
      change: (id: string) => this.#changes.get(id),
      submit: () => this.#submit(),
    };
    const { root, content, written } = route({ request, who, account });
    const isPublished = ({ Type, Name }: StoredSet) =>
      Type !== 'SOA' && !(Type === 'NS' && Name === `${written?.name}.`);
    return {
      answer: answer(200, toXml(root, NAMESPACE, content)),
      written: written && {
        zone: written.name,
        records: written.sets().filter(isPublished).flatMap(toZoneRecords),
      },
    };
  }

  #assume(request: ApiRequest, who: Identity): ApiReply {
    const { session, content } = assumeRole(new URLSearchParams(request.body), who, this.#roles);
    this.#identities.set(session.accessKeyId, session);
    return { answer: answer(200, toXml('AssumeRoleResponse', STS_NAMESPACE, content)) };
  }

  #submit(): StoredChange {
    const submittedAt = new Date();
    const inForceAt = submittedAt.getTime() + this.publishDelayMs;
    const id = `C${randomBytes(10).toString('hex').toUpperCase()}`;
    let asked = false;
    const inForce = () => {
      // The response to the change itself is always the first call.
      if (!asked) {
        asked = true;
        return false;
      }
      if (this.pendingAnswers > 0) {
        this.pendingAnswers -= 1;
        return false;
      }
      return Date.now() >= inForceAt;
    };
    const change = { id, submittedAt, inForce };
    this.#changes.set(id, change);
    return change;
  }

  protected override refuse(thrown: unknown): ApiAnswer {
    if (thrown instanceof Refusal) return failure(thrown.status, thrown.code, thrown.message);
    const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return failure(500, 'InternalFailure', message);
  }

  protected override failure(fault: AnsweredFault): ApiAnswer {
    switch (fault.kind) {
      case 'rate-limit': {
        const asked = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
        return failure(400, 'Throttling', 'Rate exceeded', asked);
      }
      case 'status':
        return failure(
          fault.status,
          'InternalFailure',
          'We encountered an internal error. Please try again.',
        );
      case 'refusal':
        return failure(fault.status, `Refusal${fault.code}`, fault.message);
    }
  }

  #zone(name: string): StoredZone {
    const zone = this.#zones.find((candidate) => candidate.name === name);
    if (!zone) throw new Error(`the account has no zone ${name}`);
    return zone;
  }
}

function failure(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ApiAnswer {
  const Type = status < 500 ? 'Sender' : 'Receiver';
  const RequestId = randomBytes(16).toString('hex');
  const { headers: usual, body } = answer(
    status,
    toXml('ErrorResponse', NAMESPACE, { Error: { Type, Code: code, Message: message }, RequestId }),
  );
  return { status, headers: { ...usual, ...headers }, body };
}

function answer(status: number, body: string): ApiAnswer {
  const id = randomBytes(16).toString('hex');
  return { status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': id }, body };
}
