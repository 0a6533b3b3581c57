import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { ZonePublisher } from '../dns/publisher.ts';
import type { AnsweredFault, Call } from './api-fault.ts';
import { type ApiAnswer, type ApiReply, type ApiRequest, ApiSimulator } from './api-simulator.ts';
import {
  failure,
  hostsResult,
  listResult,
  Refusal,
  refusals,
  setResult,
  success,
} from './namecheap-answer.ts';
import type { SentHost, StoredHost } from './namecheap-host.ts';
import { StoredZone } from './namecheap-zone.ts';

export type { ApiFault as Fault, Call } from './api-fault.ts';
export type { StoredHost } from './namecheap-host.ts';

export interface NamecheapOptions {
  /** A loopback address to listen on. Default: 127.0.0.1. */
  readonly address?: string;
  /** Names of the domains; all use Namecheap's name servers. */
  readonly zones: readonly string[];
  /** Receives the zones' content after every write. Default: none. */
  readonly publisher?: ZonePublisher;
  /**
   * Milliseconds from the response to a write until its publication. Default: 0, which publishes
   * before responding.
   */
  readonly publishDelayMs?: number;
}

const PATH = '/xml.response';
const GET_HOSTS = 'namecheap.domains.dns.gethosts';
const SET_HOSTS = 'namecheap.domains.dns.sethosts';
const GET_LIST = 'namecheap.domains.getlist';
/**
 * A GET request cannot carry more hosts than this
 * (https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/).
 */
const MOST_BY_GET = 10;

/** Namecheap's XML API on a loopback address, as far as DNS needs it, as strict as the real one. */
export async function createNamecheap(options: NamecheapOptions): Promise<NamecheapSimulator> {
  const simulator = new NamecheapSimulator(options);
  await simulator.listen(options.address ?? '127.0.0.1');
  return simulator;
}

export class NamecheapSimulator extends ApiSimulator {
  readonly username = 'ingress';
  readonly apiKey = randomBytes(16).toString('hex');
  /** The only address on the whitelist. */
  readonly clientIp = '203.0.113.7';
  /** The received forms, in order of arrival; cleared together with the calls. */
  readonly forms: URLSearchParams[] = [];
  readonly #zones = new Map<string, StoredZone>();

  constructor({ zones, publisher, publishDelayMs }: NamecheapOptions) {
    super('', { publisher, publishDelayMs });
    for (const name of zones) this.addZone(name);
  }

  addZone(name: string): StoredZone {
    const zone = new StoredZone(name);
    this.#zones.set(name, zone);
    return zone;
  }

  zone(name: string): StoredZone {
    const zone = this.#zones.get(name);
    if (!zone) throw new Error(`the account has no domain ${name}`);
    return zone;
  }

  /** The zone as getHosts returns it, without the numbers that every write reassigns. */
  snapshot(name: string): StoredHost[] {
    return this.zone(name).hosts.map((host) => ({ ...host, HostId: '' }));
  }

  protected override readonly oddities = {
    contentType: 'text/xml; charset=utf-8',
    half:
      success(
        GET_HOSTS,
        '<DomainDNSGetHostsResult Domain="example.com" EmailType="NONE" IsUsingOurDNS="true">',
      ).split('</CommandResponse>')[0] ?? '',
    nonsense: success('namecheap.unknown', '<Unknown />'),
  };

  protected override kindOf(request: ApiRequest): Call['kind'] {
    return parametersOf(request).get('command')?.toLowerCase() === SET_HOSTS ? 'write' : 'read';
  }

  protected override carryOut(request: ApiRequest): ApiReply {
    if (request.path !== PATH) return { answer: { status: 404, body: 'Not Found' } };
    const parameters = parametersOf(request);
    this.forms.push(parameters);
    const command = this.#authenticate(parameters);
    if (command === GET_LIST) return reply(success(command, listResult([...this.#zones.keys()])));
    const zone = this.#zoneOf(parameters);
    if (command === GET_HOSTS) {
      const { domain, emailType, hosts, moreAttributes, moreElements, access } = zone;
      const usesOurDns = access !== 'not-our-dns';
      return reply(
        success(command, hostsResult({ domain, emailType, hosts, usesOurDns, moreAttributes, moreElements })),
      );
    }
    if (command !== SET_HOSTS) throw refusals.commandUnknown();
    const sent = sentHosts(parameters);
    if (request.method === 'GET' && sent.length > MOST_BY_GET) return { answer: { status: 404, body: '' } };
    if (zone.access === 'locked') throw refusals.domainLocked();
    zone.setHosts(sent, parameters.get('emailtype') ?? '');
    const written = { zone: zone.domain, records: zone.records() };
    return { ...reply(success(command, setResult(zone.domain))), written };
  }

  protected override refuse(thrown: unknown): ApiAnswer {
    if (thrown instanceof Refusal) return xml(failure(thrown.number, thrown.message));
    const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { status: 500, body: message };
  }

  /** Over the rate limit, the API responds with a bare 405 and does nothing. */
  protected override failure(fault: AnsweredFault): ApiAnswer {
    switch (fault.kind) {
      case 'rate-limit': {
        const asked = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
        return { status: 405, headers: { 'content-type': 'text/html', ...asked }, body: '' };
      }
      case 'status':
        return {
          status: fault.status,
          headers: { 'content-type': 'text/html' },
          body: '<h1>Server Error</h1>',
        };
      case 'refusal':
        return xml(failure(fault.code, fault.message), fault.status);
    }
  }

  /**
   * Checks parameters in the order of https://www.namecheap.com/support/api/global-parameters/;
   * returns the command.
   */
  #authenticate(parameters: URLSearchParams): string {
    const text = (name: string) => parameters.get(name) ?? '';
    if (text('apiuser') === '') throw refusals.userMissing();
    if (text('apikey') === '') throw refusals.keyMissing();
    if (text('command') === '') throw refusals.commandMissing();
    if (text('clientip') === '') throw refusals.addressMissing();
    if (!isIPv4(text('clientip'))) throw refusals.addressInvalid();
    if (text('apiuser') !== this.username || text('apikey') !== this.apiKey) throw refusals.keyInvalid();
    if (text('clientip') !== this.clientIp) throw refusals.addressUnknown(text('clientip'));
    if (text('username') === '') throw refusals.userUnknown();
    if (text('username') !== this.username) throw refusals.userForeign();
    return text('command').toLowerCase();
  }

  #zoneOf(parameters: URLSearchParams): StoredZone {
    const domain = `${parameters.get('sld')}.${parameters.get('tld')}`.toLowerCase();
    const zone = this.#zones.get(domain);
    if (!zone) throw refusals.domainUnknown();
    if (zone.access === 'foreign') throw refusals.domainForeign();
    if (zone.access === 'other-servers') throw refusals.otherServers();
    return zone;
  }
}

/** The API ignores the case of parameter names. */
function parametersOf({ method, query, body }: ApiRequest): URLSearchParams {
  const given = [...query, ...(method === 'POST' ? new URLSearchParams(body) : [])];
  return new URLSearchParams(given.map(([name, value]) => [name.toLowerCase(), value]));
}

/** Numbered from 1; the API ignores everything after a gap. */
function sentHosts(parameters: URLSearchParams): SentHost[] {
  const hosts: SentHost[] = [];
  for (let n = 1; parameters.has(`hostname${n}`); n += 1) {
    const text = (name: string) => parameters.get(`${name}${n}`) ?? '';
    hosts.push({
      name: text('hostname'),
      type: text('recordtype'),
      address: text('address'),
      mxPref: text('mxpref'),
      ttl: text('ttl'),
    });
  }
  return hosts;
}

function reply(body: string): { answer: ApiAnswer } {
  return { answer: xml(body) };
}

function xml(body: string, status = 200): ApiAnswer {
  return { status, headers: { 'content-type': 'text/xml; charset=utf-8' }, body };
}
