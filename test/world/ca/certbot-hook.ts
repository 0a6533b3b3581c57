import process from 'node:process';

/**
 * certbot's manual hook (`publish` or `remove`): writes the challenge's TXT record through the
 * provider's API, as the plugin in the older container does. certbot passes the name and the value
 * in the environment.
 */

const { CERTBOT_DOMAIN = '', CERTBOT_VALIDATION = '' } = process.env;
const { RECORDS_URL = '', TOKEN = '' } = process.env;
const name = `_acme-challenge.${CERTBOT_DOMAIN}`;
const content = `"${CERTBOT_VALIDATION}"`;

async function call(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${RECORDS_URL}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

if (process.argv[2] === 'publish') {
  await call('POST', '', { type: 'TXT', name, content, ttl: 60 });
} else {
  const found = await call('GET', `?type=TXT&name=${name}`);
  // The response comes from this repository's own simulator.
  const { result } = found as { result: { id: string; content: string }[] };
  for (const record of result) if (record.content === content) await call('DELETE', `/${record.id}`);
}
