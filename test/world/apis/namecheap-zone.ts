import type { ZoneRecord } from '../dns/publisher.ts';
import { refusals } from './namecheap-answer.ts';
import { complete, type SentHost, type StoredHost, storeHost, toZoneRecord } from './namecheap-host.ts';

const MOST_HOSTS = 150;
const EMAIL_TYPES = new Set(['NONE', 'MXE', 'MX', 'FWD', 'OX', 'GMAIL']);

/** The mail servers that Namecheap itself puts there for its own services. */
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

/** Who may do what with the domain. */
export type Standing = 'ours' | 'foreign' | 'locked' | 'other-servers' | 'not-our-dns';

/** One domain's hosts and the rules for replacing them. */
export class StoredZone {
  readonly domain: string;
  standing: Standing = 'ours';
  emailType = 'NONE';
  /** What an API of tomorrow might answer beside. */
  moreAttributes: Readonly<Record<string, string>> | undefined;
  moreElements: string | undefined;
  /** SRV records, which only the website shows; setHosts leaves them alone, and they count. */
  services: readonly ZoneRecord[] = [];
  /** What goes wrong with a write, for tests of those who verify it. */
  mishap: ((hosts: readonly StoredHost[]) => StoredHost[]) | undefined;
  #hosts: StoredHost[] = [];

  constructor(domain: string) {
    this.domain = domain;
  }

  get hosts(): readonly StoredHost[] {
    return this.#hosts;
  }

  /** Puts a host there as it is, unchecked: whatever the website or the years have left. */
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

  /** Everything that is not sent is gone. Throws Refusal, and then nothing has changed. */
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

/** Without the email type that goes with it, a mail record is dropped without a word. */
function goesWith(type: string, emailType: string): boolean {
  if (type === 'MX') return emailType === 'MX';
  return type !== 'MXE' || emailType === 'MXE';
}

/** Of records that differ in nothing, or of MX records in nothing but the preference, the first is kept. */
function withoutDoubles(hosts: readonly StoredHost[]): StoredHost[] {
  const seen = new Set<string>();
  return hosts.filter(({ Name, Type, Address }) => {
    const key = `${Name} ${Type} ${Address}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}
