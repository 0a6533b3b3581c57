import type { X509Certificate } from 'node:crypto';

/**
 * The ARI identifier of a certificate (RFC 9773 §4.1): the authority key identifier and the serial
 * number, each in base64url.
 */
export function certificateId(certificate: X509Certificate): string {
  // OCTET STRING of SEQUENCE of [0] (RFC 5280 §4.2.1.1), here of 20 bytes, after the extension's
  // OID 2.5.29.35.
  const at = certificate.raw.indexOf(Buffer.from('0603551d23', 'hex'));
  const keyLength = certificate.raw[at + 10] ?? 0;
  const key = certificate.raw.subarray(at + 11, at + 11 + keyLength);
  // DER prepends a zero byte to a serial number whose first bit is set.
  const serial = Buffer.from(certificate.serialNumber, 'hex');
  const signed = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), serial]) : serial;
  return `${key.toString('base64url')}.${signed.toString('base64url')}`;
}
