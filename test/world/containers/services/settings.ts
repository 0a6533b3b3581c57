import * as z from 'zod';

const id = z.string().regex(/^[0-9a-f]{40}$/, '40 hexadecimal digits');
const name = z.string().min(1);

const schema = z.object({
  /** The zone at Cloudflare and on the name servers. */
  ZONE: name,
  /** DOMAIN of the ingress. */
  DOMAIN: name,
  /** The gateway's own domain. */
  GATEWAY_DOMAIN: name,
  NS1_ADDRESS: z.ipv4(),
  NS2_ADDRESS: z.ipv4(),
  RESOLVER_ADDRESS: z.ipv4(),
  GATEWAY_ADDRESS: z.ipv4(),
  /** The CVM, as in the guest agent and in the gateway. */
  APP_ID: id,
  INSTANCE_ID: id,
  /** The host name of the CVM, which has its published ports. */
  INSTANCE_ADDRESS: name,
  CLOUDFLARE_API_TOKEN: z.string().regex(/^[\w-]{40,80}$/, '40 to 80 letters, digits, _ and -'),
  /** Validity of a certificate in seconds. */
  CERTIFICATE_SECONDS: z.coerce.number().int().positive(),
  /** The gateway's port on the user's machine. */
  PUBLISHED_PORT: z.coerce.number().int().positive(),
  /** Seconds that the visitor waits for the first response. */
  VISITOR_PATIENCE_SECONDS: z.coerce.number().positive().default(180),
  /** Has the certificate of the CA's own API, its key, and every root so far. */
  CA_DIR: name.default('/ca'),
  /** Has what the name servers and Cloudflare keep across restarts. */
  STATE_DIR: name.default('/var/lib/world'),
  /** The directory of the guest agent's sockets. */
  GUEST_AGENT_DIR: name.default('/var/run/dstack'),
});

/** The compose project's settings for every service of the world. */
export type Settings = Readonly<z.infer<typeof schema>>;

/**
 * Reads the settings from the environment. Throws an error that lists all missing and invalid ones.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const read = schema.safeParse(environment);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new Error(`start this container with examples/demo/compose.yaml:\n${faults.join('\n')}`);
}
