/** Generates nginx's configuration as a contender and as the app. Pure. */

export interface NginxSite {
  readonly port: number;
  readonly app: { readonly host: string; readonly port: number };
  /** A folder for its files. */
  readonly folder: string;
  /** The PEM files of each name. */
  readonly sites: readonly { readonly name: string; readonly chain: string; readonly key: string }[];
}

const CONNECTIONS = 16_384;
/**
 * A port has one backlog, so only one `listen` sets it. The same length as for the other
 * contenders.
 */
const BACKLOG = ' backlog=4096';
/** More than in any run; by default nginx closes a connection after 1,000 requests. */
const REQUESTS = 100_000_000;

/** The path of a module that Debian packages separately. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** The curves are nginx's default, which is that of its OpenSSL. */
const TLS = `ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_tickets on;
  ssl_session_cache shared:tls:10m;
  ssl_session_timeout 1d;`;

const MAP_HASH = 'map_hash_max_size 8192;\n  map_hash_bucket_size 256;';
const SERVER_HASH = 'server_names_hash_max_size 8192;\n  server_names_hash_bucket_size 256;';

function frame(folder: string): string {
  // Its files are in a folder that only root may write to.
  return `user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile ${2 * CONNECTIONS};
pid ${folder}/pid;
error_log ${folder}/error.log crit;
`;
}

function temporary(folder: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((of) => `${of}_temp_path ${folder}/${of};`)
    .join('\n  ');
}

/**
 * Terminates TLS and forwards bytes. From 1.25.5, each name has a server; before that, a map
 * selects the files (`byMap`), which nginx then reads in each handshake.
 */
export function nginxStreamConfig(site: NginxSite, byMap: boolean): string {
  const { port, app, folder, sites } = site;
  const server = (name: string, chain: string, key: string, first = true) => `  server {
    listen ${port} ssl${first ? BACKLOG : ''};
    ${name}ssl_certificate ${chain};
    ssl_certificate_key ${key};
    proxy_pass app;
  }`;
  const [only, ...others] = sites;
  const named = () =>
    sites
      .map(({ name, chain, key }, index) => server(`server_name ${name};\n    `, chain, key, index === 0))
      .join('\n');
  const servers = () => (byMap ? `${maps(sites)}\n${server('', '$chain', '$key')}` : named());
  return `load_module ${STREAM_MODULE};
${frame(folder)}events { worker_connections ${CONNECTIONS}; }
stream {
  access_log off;
  tcp_nodelay on;
  ${byMap ? MAP_HASH : SERVER_HASH}
  ${TLS}
  upstream app { server ${app.host}:${app.port}; }
${only && others.length === 0 ? server('', only.chain, only.key) : servers()}
}
`;
}

function maps(sites: NginxSite['sites']): string {
  const rows = (of: 'chain' | 'key') => sites.map((site) => `    ${site.name} ${site[of]};`).join('\n');
  return `  map $ssl_server_name $chain {
${rows('chain')}
  }
  map $ssl_server_name $key {
${rows('key')}
  }`;
}

/** Terminates TLS, with HTTP on both sides. */
export function nginxHttpConfig({ port, app, folder, sites }: NginxSite): string {
  const servers = sites.map(
    ({ name, chain, key }, index) => `  server {
    listen ${port} ssl${index === 0 ? BACKLOG : ''};
    server_name ${name};
    ssl_certificate ${chain};
    ssl_certificate_key ${key};
    location / { proxy_pass http://app; }
  }`,
  );
  return `${frame(folder)}events { worker_connections ${CONNECTIONS}; }
http {
  access_log off;
  ${temporary(folder)}
  tcp_nodelay on;
  ${SERVER_HASH}
  keepalive_timeout 1h;
  keepalive_requests ${REQUESTS};
  ${TLS}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  upstream app {
    server ${app.host}:${app.port};
    keepalive 256;
    keepalive_requests ${REQUESTS};
    keepalive_timeout 1h;
  }
${servers.join('\n')}
}
`;
}

/** The app behind every contender: files of fixed sizes. */
export function appConfig({ port, folder, files }: { port: number; folder: string; files: string }): string {
  return `${frame(folder)}events { worker_connections ${CONNECTIONS}; }
http {
  access_log off;
  ${temporary(folder)}
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_timeout 1h;
  keepalive_requests ${REQUESTS};
  server {
    listen ${port} backlog=4096;
    root ${files};
  }
}
`;
}
