import * as types from './types.ts';
import { optional } from './variable.ts';

/** Which names are served, and which of them share a certificate: what servedNames needs, all of it and nothing else. */
export const nameVariables = {
  domain: optional(types.certificateName, {
    name: 'DOMAIN',
    help: 'The name that the app gets: `app.example.com`, or `*.example.com` for every name one label below. Needed unless DOMAINS, ROUTING_MAP or CERT_GROUPS names one.',
    fix: 'Set it to a name in a zone of your DNS provider, such as app.example.com.',
  }),
  aliasDomains: optional(types.certificateNames, {
    name: 'ALIAS_DOMAIN',
    help: 'One or more further names on the certificate of DOMAIN, separated like DOMAINS. They are served like DOMAIN, and go where it goes unless ROUTING_MAP has them. A group of CERT_GROUPS that has DOMAIN or one of them joins that certificate; two groups cannot.',
    fix: 'Set names in zones of your DNS provider, such as www.example.com, beside DOMAIN.',
  }),
  domains: optional(types.certificateNames, {
    name: 'DOMAINS',
    help: 'More names, separated by line breaks or commas; `#` begins a comment that goes to the end of the line. Each gets records, and a certificate of its own unless CERT_GROUPS or ALIAS_DOMAIN has it.',
    fix: 'Set names in zones of your DNS provider, such as app.example.com,api.example.com.',
  }),
  routingMap: optional(types.routingMap, {
    name: 'ROUTING_MAP',
    help: 'Where single names go: `name=endpoint`, separated like DOMAINS, the endpoint in any form of TARGET_ENDPOINT. A name that stands only here is served too.',
    fix: 'Write each entry as name=endpoint, such as api.example.com=http://api:8080, and each name once.',
  }),
  certGroups: optional(types.certGroups, {
    name: 'CERT_GROUPS',
    help: 'Names that share one certificate: groups separated by line breaks or `;`, the names of a group by commas or spaces, as in `example.com,*.example.com; a.example.org b.example.org`. The first name of a group gives its certificate the name. `#` begins a comment that goes to the end of the line. A name that stands only here is served too. A group has 100 names at most, 25 with ACME_PROFILE tlsserver or shortlived.',
    fix: 'Write each group as names with commas, with line breaks or ; between groups, and each name in one group only: example.com,*.example.com; api.example.org.',
  }),
};
