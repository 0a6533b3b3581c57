import * as z from 'zod';

const id = z.string().regex(/^[0-9a-f]{40}$/, '40 hexadecimal digits');
const name = z.string().min(1);

const schema = z.object({
  /** The zone at Cloudflare and on the name servers. */
  ZONE: name,
  /** The ingress' DOMAIN. */
  DOMAIN: name,
  /** The gateway's own domain. */
  GATEWAY_DOMAIN: name,
  NS1_ADDRESS: z.ipv4(),
  NS2_ADDRESS: z.ipv4(),
  RESOLVER_ADDRESS: z.ipv4(),
  GATEWAY_ADDRESS: z.ipv4(),
  /** The CVM, as the guest agent describes it and the gateway knows it. */
  APP_ID: id,
  INSTANCE_ID: id,
  /** The host name of the CVM, behind which its published ports are. */
  INSTANCE_ADDRESS: name,
  CLOUDFLARE_API_TOKEN: z.string().regex(/^[\w-]{40,80}$/, '40 to 80 letters, digits, _ and -'),
  /** Seconds that a certificate is valid. */
  CERTIFICATE_SECONDS: z.coerce.number().int().positive(),
  /** The port of the gateway on the user's own machine. */
  PUBLISHED_PORT: z.coerce.number().int().positive(),
  /** Seconds that the visitor waits for the first answer. */
  VISITOR_PATIENCE_SECONDS: z.coerce.number().positive().default(180),
  /** The CA's certificate of its own API, the key to it, and every root so far. */
  CA_DIR: name.default('/ca'),
  /** What the name servers and Cloudflare have again after a restart. */
  STATE_DIR: name.default('/var/lib/world'),
  /** Where the guest agent's sockets are made. */
  GUEST_AGENT_DIR: name.default('/var/run/dstack'),
});

/** What the compose project tells every service of the world. */
export type Settings = Readonly<z.infer<typeof schema>>;

/** Reads them from the environment. Throws a sentence that names every one that is missing or wrong. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const read = schema.safeParse(environment);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new Error(`this container has to be started by examples/demo/compose.yaml:\n${faults.join('\n')}`);
}
