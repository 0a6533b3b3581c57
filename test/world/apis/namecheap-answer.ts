import type { StoredHost } from './namecheap-host.ts';

/** Responses of Namecheap's API in XML, in the shape of real responses. */

/**
 * A request that the API refuses. Numbers and messages are those of
 * https://www.namecheap.com/support/api/error-codes/ and of each method's page.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly number: number;

  constructor(number: number, message: string) {
    super(message);
    this.number = number;
  }
}

export const refusals = {
  userMissing: () => new Refusal(1010101, 'Parameter APIUser is missing'),
  keyMissing: () => new Refusal(1010102, 'Parameter APIKey is missing'),
  commandMissing: () => new Refusal(1010104, 'Parameter Command is missing'),
  addressMissing: () => new Refusal(1010105, 'Parameter ClientIP is missing'),
  addressInvalid: () => new Refusal(1011105, 'Parameter ClientIP is invalid'),
  addressUnknown: (address: string) => new Refusal(1011150, `Invalid request IP: ${address}`),
  keyInvalid: () => new Refusal(1011102, 'API Key is invalid or API access has not been enabled'),
  userUnknown: () => new Refusal(1019103, 'Parameter UserName is not available'),
  userForeign: () => new Refusal(1016103, 'Parameter UserName is unauthorized'),
  commandUnknown: () => new Refusal(1010104, 'Parameter Command is invalid'),
  domainUnknown: () => new Refusal(2019166, 'Domain not found'),
  domainForeign: () => new Refusal(2016166, 'Domain is not associated with your account'),
  domainLocked: () => new Refusal(2030166, 'Edit permission for domain is not supported'),
  otherServers: () =>
    new Refusal(2030288, 'Cannot complete this command as this domain is not using proper DNS servers'),
  tooMany: () => new Refusal(4013288, 'Too many records'),
  invalid: (message: string) => new Refusal(2050900, message),
};

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeXml(text: string): string {
  return text
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join('');
}

function frame(status: 'OK' | 'ERROR', errors: string, command: string, response: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<ApiResponse Status="${status}" xmlns="http://api.namecheap.com/xml.response">
  ${errors}
  <Warnings />
  <RequestedCommand>${escapeXml(command.toLowerCase())}</RequestedCommand>
  ${response}
  <Server>PHX01APIEXT04</Server>
  <GMTTimeDifference>--4:00</GMTTimeDifference>
  <ExecutionTime>0.16</ExecutionTime>
</ApiResponse>`;
}

export function success(command: string, result: string): string {
  return frame(
    'OK',
    '<Errors />',
    command,
    `<CommandResponse Type="${escapeXml(command)}">
    ${result}
  </CommandResponse>`,
  );
}

export function failure(number: number, message: string): string {
  const errors = `<Errors>
    <Error Number="${number}">${escapeXml(message)}</Error>
  </Errors>`;
  return frame('ERROR', errors, '', '');
}

export interface HostsResult {
  readonly domain: string;
  readonly emailType: string;
  readonly usesOurDns: boolean;
  readonly hosts: readonly StoredHost[];
  /** Additional attributes and elements, as a future version of the API might return. */
  readonly moreAttributes?: Readonly<Record<string, string>> | undefined;
  readonly moreElements?: string | undefined;
}

/**
 * https://www.namecheap.com/support/api/methods/domains-dns/get-hosts/, but with `<host>` in lower
 * case, as the real API returns it.
 */
export function hostsResult({
  domain,
  emailType,
  usesOurDns,
  hosts,
  moreAttributes = {},
  moreElements = '',
}: HostsResult): string {
  const zone = attributes({
    Domain: domain,
    EmailType: emailType,
    IsUsingOurDNS: String(usesOurDns),
    ...moreAttributes,
  });
  const lines = hosts.map((host) => `      <host${attributes({ ...host })} />`).join('\n');
  return `<DomainDNSGetHostsResult${zone}>
${lines}${moreElements}
    </DomainDNSGetHostsResult>`;
}

export function setResult(domain: string): string {
  return `<DomainDNSSetHostsResult${attributes({ Domain: domain, IsSuccess: 'true' })}>
      <Warnings />
    </DomainDNSSetHostsResult>`;
}

export function listResult(domains: readonly string[]): string {
  const lines = domains.map(
    (name, index) => `<Domain${attributes({ ID: String(index + 1), Name: name })} />`,
  );
  return `<DomainGetListResult>${lines.join('')}</DomainGetListResult>
    <Paging><TotalItems>${domains.length}</TotalItems><CurrentPage>1</CurrentPage><PageSize>10</PageSize></Paging>`;
}
