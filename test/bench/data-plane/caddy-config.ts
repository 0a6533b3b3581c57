/** Caddy as a contender, as a Caddyfile. Pure. */

export interface CaddySite {
  readonly port: number;
  readonly app: { readonly host: string; readonly port: number };
  readonly sites: readonly { readonly name: string; readonly chain: string; readonly key: string }[];
}

export function caddyfile({ port, app, sites }: CaddySite): string {
  const blocks = sites.map(
    ({ name, chain, key }) => `https://${name}:${port} {
	tls ${chain} ${key}
	reverse_proxy ${app.host}:${app.port} {
		transport http {
			keepalive 1h
			keepalive_idle_conns_per_host 256
		}
	}
}`,
  );
  return `{
	admin off
	auto_https off
	log {
		output discard
	}
	servers {
		protocols h1 h2
		timeouts {
			idle 1h
		}
	}
}

${blocks.join('\n\n')}
`;
}
