import type { Mutant } from './mutant.ts';

const proxy = (file: string, test?: string) => ({
  file: `${file}.test.ts`,
  ...(test === undefined ? {} : { test }),
});

export const proxies: readonly Mutant[] = [
  {
    id: 'proxy-port-not-taken-over',
    class: 'proxy',
    file: 'src/proxy/process/process.ts',
    search: "  const takeover = successorOf === undefined ? [] : ['-sf', String(successorOf)];\n",
    replace: "  const takeover = successorOf === undefined ? [] : ['-st', String(successorOf)];\n",
    killedBy: [
      proxy(
        'src/proxy/process/takeover',
        'the HAProxy of a killed control plane hands over its port and finishes its connections',
      ),
    ],
    note: 'A takeover cuts the connections of the earlier HAProxy.',
  },
  {
    id: 'proxy-stale-process-not-killed',
    class: 'proxy',
    file: 'src/proxy/process/takeover.ts',
    search: "    await sendSignal(stale.pid, 'SIGKILL');\n",
    replace: '',
    killedBy: [
      proxy('src/proxy/process/takeover', 'an earlier HAProxy that does not finish in time is killed'),
    ],
    note: 'An earlier HAProxy that hangs is never killed.',
  },
  {
    id: 'proxy-foreign-process-ended',
    class: 'proxy',
    file: 'src/proxy/process/takeover.ts',
    search: 'if (startedAt !== undefined && (await runsWith(pid, paths.config))) return { pid, startedAt };',
    replace: 'if (startedAt !== undefined) return { pid, startedAt };',
    killedBy: [
      proxy(
        'src/proxy/process/takeover',
        'another program that answers on the socket is left alone, with a warning',
      ),
    ],
    note: 'Any process that responds on the stats socket is killed, even a foreign one.',
  },
  {
    id: 'proxy-no-drain',
    class: 'proxy',
    file: 'src/proxy/process/process.ts',
    search: "    { name: 'SIGUSR1', graceMs: drainMs + HARD_STOP_GRACE_MS },\n",
    replace: '',
    killedBy: [
      proxy('test/proxy/lifecycle', 'stop waits for an open connection, and ends as soon as it finishes'),
    ],
    note: 'Open connections are cut when the program stops.',
  },
  {
    id: 'proxy-hung-process-not-killed',
    class: 'proxy',
    file: 'src/proxy/process/process.ts',
    search: "    { name: 'SIGKILL', graceMs: KILL_GRACE_MS },\n",
    replace: '',
    killedBy: [proxy('test/proxy/lifecycle', 'stop kills an HAProxy that does not react')],
    note: 'An HAProxy that ignores signals outlives the program.',
  },
  {
    id: 'proxy-install-not-repeated',
    class: 'proxy',
    file: 'src/proxy/process/installed-certificates.ts',
    search: '        if (left === 0 || !isUnanswered(thrown)) throw thrown;\n',
    replace: '        if (left >= 0) throw thrown;\n',
    killedBy: [
      proxy(
        'test/proxy/lifecycle',
        'a certificate that is installed during a restart of HAProxy is served afterwards',
      ),
    ],
    note: 'A certificate installed while HAProxy ends is missing in the next process.',
  },
  {
    id: 'proxy-open-transaction-not-aborted',
    class: 'proxy',
    file: 'src/proxy/runtime/certificates.ts',
    search: '  if (inTransaction !== undefined) await abortTransaction(api, inTransaction, signal);\n',
    replace: '',
    killedBy: [
      { file: 'src/proxy/runtime/certificates.test.ts' },

      proxy('test/proxy/hot-swap'),
      proxy('test/proxy/lifecycle'),
    ],
    note: 'A transaction that was left open swallows the next certificate.',
  },
  {
    id: 'proxy-not-proven',
    class: 'proxy',
    file: 'src/proxy/proxy.ts',
    search:
      '    await verifyServed({ path: paths.handshakeSocket, servername, fingerprint256, clock, signal: ends });\n',
    replace: '',
    killedBy: [
      proxy('src/proxy/proxy', 'reports the certificate that was presented instead of the installed one'),
    ],
    note: 'A certificate counts as served although no handshake presents it.',
  },
  {
    id: 'proxy-proven-at-public-port',
    class: 'proxy',
    file: 'src/proxy/config/render.ts',
    search: "    `maxconn ${RESERVED_CONNECTIONS}`,\n    'tcp-request session reject',\n",
    replace: "    'tcp-request session reject',\n",
    killedBy: [proxy('test/proxy/full'), proxy('test/proxy/exhaustion'), proxy('src/proxy/config/render')],
    note: 'The frontend for our own handshakes has no connection limit of its own.',
  },
  {
    id: 'proxy-own-socket-leads-on',
    class: 'proxy',
    file: 'src/proxy/config/render.ts',
    search: "    'tcp-request session reject',\n",
    replace: "    'tcp-request session reject if FALSE',\n",
    killedBy: [
      proxy(
        'test/proxy/client-address',
        'handshakes of the control plane need no header, and nothing is forwarded from their socket',
      ),
      proxy('src/proxy/config/render'),
    ],
    note: 'A connection to the socket for our own handshakes reaches an upstream.',
  },
  {
    id: 'proxy-certificate-for-any-name',
    class: 'proxy',
    file: 'src/proxy/config/render.ts',
    search: '    `ssl crt-list ${checkedPath(paths.crtList)} strict-sni`,\n',
    replace: '    `ssl crt-list ${checkedPath(paths.crtList)}`,\n',
    killedBy: [proxy('src/proxy/proxy', 'refuses a name without a certificate, and a client without SNI')],
    note: 'A client that requests an unknown name gets some certificate.',
  },
  {
    id: 'proxy-misdirected-request-served',
    class: 'proxy',
    file: 'src/proxy/config/http-rules.ts',
    search:
      '    `http-request return ${errorPage(421)} if ${IS_OTHER_HOST} { ${HOST} -m found } !{ var(txn.route),strcmp(sess.route) eq 0 }`,\n',
    replace: '',
    killedBy: [proxy('test/proxy/misdirected')],
    note: "A request for another upstream's name reaches the upstream of the handshake.",
  },
  {
    id: 'proxy-client-forges-address',
    class: 'proxy',
    file: 'src/proxy/config/http-rules.ts',
    search: "  'http-request del-header ^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$) -m reg',\n",
    replace: '',
    killedBy: [proxy('test/proxy/forwarded')],
    note: 'Forwarding headers sent by a client reach the upstream.',
  },
  {
    id: 'proxy-unsafe-request-repeated',
    class: 'proxy',
    file: 'src/proxy/config/backends.ts',
    search: '...(suffix.endsWith(EXCLUSIVE_SUFFIX) ? [IS_UNSAFE_METHOD] : [])',
    replace: "...(suffix.endsWith(EXCLUSIVE_SUFFIX) ? ['FALSE'] : [])",
    killedBy: [proxy('test/proxy/once')],
    note: 'A POST on a connection that the upstream drops may be sent twice.',
  },
  {
    id: 'proxy-half-closed-client-cut',
    class: 'proxy',
    file: 'src/proxy/config/backends.ts',
    search: "suffix, exclusiveConnections, abortOnClose: version === 'h2' };",
    replace: 'suffix, exclusiveConnections, abortOnClose: true };',
    killedBy: [proxy('test/proxy/half-close')],
    note: 'A client that has half-closed its connection gets no response.',
  },
  {
    id: 'proxy-gone-client-kept',
    class: 'proxy',
    file: 'src/proxy/runtime/end-abandoned.ts',
    search: '      await expectReply(api, `shutdown session ${id}`, /^$|^No such session/, { signal });\n',
    replace: '',
    killedBy: [proxy('src/proxy/runtime/end-abandoned')],
    note: 'Requests of clients that are gone continue until they fill MAXCONN.',
  },
  {
    id: 'proxy-environment-inherited',
    class: 'proxy',
    file: 'src/proxy/process/process.ts',
    search: "    buffer: false,\n    stdin: 'ignore',\n    env: environment(paths),\n    extendEnv: false,\n",
    replace: "    buffer: false,\n    stdin: 'ignore',\n    env: environment(paths),\n    extendEnv: true,\n",
    killedBy: [
      proxy(
        'src/proxy/proxy',
        'runs HAProxy without privileges, in an empty chroot, and without our environment',
      ),
    ],
    note: 'HAProxy inherits the credentials in the environment.',
  },
  {
    id: 'proxy-root-kept',
    class: 'proxy',
    file: 'src/proxy/config/render.ts',
    search: '    ...(privileges === undefined ? [] : dropPrivileges(privileges)),\n',
    replace: '',
    killedBy: [
      proxy(
        'src/proxy/proxy',
        'runs HAProxy without privileges, in an empty chroot, and without our environment',
      ),
    ],
    note: 'HAProxy keeps running as root.',
  },
  {
    id: 'proxy-failed-address-not-left-at-once',
    class: 'proxy',
    file: 'src/proxy/config/servers.ts',
    search: "    'option redispatch 1',\n",
    replace: '',
    killedBy: [proxy('test/proxy/several-addresses')],
    note: 'A connection to a dead address fails although another address answers.',
  },
  {
    id: 'proxy-moved-app-not-followed',
    class: 'proxy',
    file: 'src/proxy/upstream/backend-servers.ts',
    search: '    if (this.#addresses.get(server) === address) return;\n',
    replace: '    if (this.#addresses.has(server)) return;\n',
    killedBy: [
      proxy('src/proxy/upstream/upstream-host'),
      proxy('test/proxy/several-addresses'),
      proxy('test/proxy/app-returns'),
    ],
    note: 'An upstream that has moved is still reached at its old address.',
  },
  {
    id: 'proxy-address-not-restored',
    class: 'proxy',
    file: 'src/proxy/upstream/upstream-port.ts',
    search: '      for (const backend of this.#options.backends) backend.forget();\n',
    replace: '',
    killedBy: [
      proxy(
        'test/proxy/lifecycle',
        'a killed HAProxy is restarted with its certificates and the address of the app',
      ),
      proxy(
        'test/proxy/several-addresses',
        'a restarted HAProxy has the addresses before it has a certificate',
      ),
    ],
    note: 'After a restart HAProxy does not learn the address of the upstream.',
  },
  {
    id: 'proxy-descriptors-exhausted',
    class: 'proxy',
    file: 'src/proxy/process/startup.ts',
    search: '  await setMaxconn(api, connections, signal);\n',
    replace: '',
    killedBy: [
      proxy(
        'src/proxy/process/startup',
        'with too low a limit of open files, HAProxy starts with fewer connections and a warning',
      ),
    ],
    note: 'With few file descriptors, HAProxy accepts connections that it cannot serve.',
  },
  {
    id: 'proxy-evidence-goes-to-app',
    class: 'proxy',
    file: 'src/proxy/config/render.ts',
    search: '    ...(evidencePort === undefined ? [] : toEvidence),\n',
    replace: '    ...(evidencePort !== undefined ? [] : toEvidence),\n',
    killedBy: [proxy('test/proxy/evidence-path')],
    note: 'Requests for evidence go to the upstream.',
  },
];
