import type { ZoneRecord } from '../dns/publisher.ts';
import { refusals } from './namecheap-answer.ts';
import { complete, type SentHost, type StoredHost, storeHost, toZoneRecord } from './namecheap-host.ts';

const MOST_HOSTS = 150;
const EMAIL_TYPES = new Set(['NONE', 'MXE', 'MX', 'FWD', 'OX', 'GMAIL']);

/** The MX records that Namecheap adds itself for its own services. */
const MADE_FOR: Readonly<Record<string, readonly (readonly [address: string, preference: string])[]>> = {
  OX: [
    ['mx1.privateemail.com.', '10'],
    ['mx2.privateemail.com.', '10'],
  ],
  GMAIL: [
    ['aspmx.l.google.com.', '1'],
    ['alt1.aspmx.l.google.com.', '5'],
  ],
};

/** The domain's owner, and whether it can be written. */
export type DomainAccess = 'ours' | 'foreign' | 'locked' | 'other-servers' | 'not-our-dns';

/** One domain's hosts and the rules for replacing them. */
export class StoredZone {
  readonly domain: string;
  access: DomainAccess = 'ours';
  emailType = 'NONE';
  /** Attributes that a future version of the API might add. */
  moreAttributes: Readonly<Record<string, string>> | undefined;
  moreElements: string | undefined;
  /**
   * SRV records, which only the website shows; setHosts keeps them, and they count toward the
   * limit.
   */
  services: readonly ZoneRecord[] = [];
  /** A fault of a write, for tests of clients that verify it. */
  mishap: ((hosts: readonly StoredHost[]) => StoredHost[]) | undefined;
  #hosts: StoredHost[] = [];

  constructor(domain: string) {
    this.domain = domain;
  }

  get hosts(): readonly StoredHost[] {
    return this.#hosts;
  }

  /** Adds a host without validation, like one from the website or from earlier years. */
  plant(fields: Partial<StoredHost> & Pick<StoredHost, 'Name' | 'Type' | 'Address'>): StoredHost {
    const host = complete(fields);
    this.#hosts.push(host);
    return host;
  }

  setEmailType(emailType: string): void {
    this.emailType = emailType;
    this.#hosts = this.#withMail(this.#hosts.filter(({ Type }) => Type !== 'MX'));
  }

  drop(matches: (host: StoredHost) => boolean): void {
    this.#hosts = this.#hosts.filter((host) => !matches(host));
  }

  /** Removes every host that is not sent. Throws Refusal, in which case nothing has changed. */
  setHosts(sent: readonly SentHost[], emailType: string): void {
    if (sent.length + this.services.length > MOST_HOSTS) throw refusals.tooMany();
    const type = emailType.toUpperCase() || 'NONE';
    if (!EMAIL_TYPES.has(type)) throw refusals.invalid(`INVALID_EMAIL_TYPE : '${emailType}'`);
    const kept = sent.map(storeHost).filter(({ Type }) => goesWith(Type, type));
    this.emailType = type;
    const hosts = this.#withMail(withoutDoubles(kept));
    this.#hosts = this.mishap?.(hosts) ?? hosts;
  }

  records(): ZoneRecord[] {
    return [...this.#hosts.flatMap((host) => toZoneRecord(host, this.domain)), ...this.services];
  }

  #withMail(hosts: readonly StoredHost[]): StoredHost[] {
    const made = (MADE_FOR[this.emailType] ?? []).map(([Address, MXPref]) =>
      complete({ Name: '@', Type: 'MX', Address, MXPref }),
    );
    return [...hosts, ...made];
  }
}

/** Without the matching email type, the API silently drops a mail record. */
function goesWith(type: string, emailType: string): boolean {
  if (type === 'MX') return emailType === 'MX';
  return type !== 'MXE' || emailType === 'MXE';
}

/** Keeps the first of identical records, and of MX records that differ only in preference. */
function withoutDoubles(hosts: readonly StoredHost[]): StoredHost[] {
  const seen = new Set<string>();
  return hosts.filter(({ Name, Type, Address }) => {
    const key = `${Name} ${Type} ${Address}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}
