import type { Socket } from 'node:net';

export type ProxyVersion = 'v1' | 'v2';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;

/** The PROXY protocol header with the client's and the gateway's address of an IPv4 connection. */
export function proxyHeader(version: ProxyVersion, client: Socket): Buffer {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = client;
  if (version === 'v1') {
    return Buffer.from(`PROXY TCP4 ${remoteAddress} ${localAddress} ${remotePort} ${localPort}\r\n`);
  }
  const ends = [...octets(remoteAddress), ...octets(localAddress), ...word(remotePort), ...word(localPort)];
  return Buffer.from([...SIGNATURE, VERSION_2_PROXY, TCP_OVER_IPV4, ...word(ends.length), ...ends]);
}

function octets(address: string): number[] {
  return address.split('.').map(Number);
}

function word(value: number): number[] {
  return [value >> 8, value & 0xff];
}
