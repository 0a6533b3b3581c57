/**
 * Record data in presentation format (RFC 1035 §5.1), which name servers and many APIs use. Pure.
 */

// One character-string is a length byte and at most 255 bytes (RFC 1035 §3.3).
const STRING_BYTES = 255;
const STRINGS = /^\s*"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*\s*$/s;
const STRING = /"((?:[^"\\]|\\.)*)"/gs;
const ESCAPE = /\\(\d{3}|.)/gs;

/**
 * The characters of a TXT record's data: quoted strings are joined and their escapes resolved.
 * Unquoted data is returned unchanged. Escapes are decimal in master files; `radix` 8 is for an API
 * that writes them in octal.
 */
export function joinTxt(data: string, radix: 8 | 10 = 10): string {
  if (!STRINGS.test(data)) return data;
  const joined = [...data.matchAll(STRING)].map((match) => match[1] ?? '').join('');
  return joined.includes('\\') ? resolveEscapes(joined, radix) : joined;
}

// Byte by byte, because several escapes can form one UTF-8 character.
function resolveEscapes(text: string, radix: number): string {
  const bytes = Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(ESCAPE, (_, escaped: string) =>
      escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, radix) & 0xff) : escaped,
    );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * The characters of a TXT record as quoted strings of at most 255 bytes; bytes other than printable
 * ASCII are escaped as `\DDD`.
 */
export function quoteTxt(value: string, radix: 8 | 10 = 10): string {
  const escapeByte = (byte: number) => escapeIn(radix, byte);
  const bytes = Buffer.from(value, 'utf8');
  const strings: string[] = [];
  for (let start = 0; start === 0 || start < bytes.length; start += STRING_BYTES) {
    strings.push(`"${Array.from(bytes.subarray(start, start + STRING_BYTES), escapeByte).join('')}"`);
  }
  return strings.join(' ');
}

function escapeIn(radix: number, byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === '"' || character === '\\') return `\\${character}`;
  return byte >= 0x20 && byte <= 0x7e ? character : `\\${byte.toString(radix).padStart(3, '0')}`;
}

/**
 * An IPv6 address in the form of RFC 5952, which the URL standard follows; other text unchanged.
 */
export function shortestIpv6(address: string): string {
  return URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) ?? address;
}
