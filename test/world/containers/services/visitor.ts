import { join } from 'node:path';
import type { Answer } from 'dns-packet';
import { systemClock, until } from '../../../../src/clock.ts';
import { readIfThere } from '../../../../src/files.ts';
import { query } from '../../dns/dns-client.ts';
import { type HttpsAnswer, requestHttps } from '../../https-client.ts';
import type { Service } from './service.ts';
import type { Settings } from './settings.ts';

const EVERY_MS = 250;

/** Requests the app as a user does, repeatedly until it responds, and prints the result. */
export const visit: Service = async (settings, say) => {
  const startedAt = Date.now();
  const answer = await firstAnswer(settings);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const { subjectaltname, issuer, valid_to } = answer.certificate;
  const lines = [
    `https://${settings.DOMAIN}/ responded, verified, ${seconds} s after the visitor started:`,
    '',
    `  answer       ${answer.body.trim()}`,
    `  certificate  for ${subjectaltname}, by ${issuer.CN}, until ${valid_to}`,
    ...(await recordsOf(settings)).map((record) => `  record       ${record}`),
    '',
    'On your own machine:',
    ...curlLines(settings).map((line) => `  ${line}`),
  ];
  for (const line of lines) say(line);
};

/**
 * The first verified response with status 200. Rejects with the last failure when its patience is
 * over.
 */
async function firstAnswer(settings: Settings): Promise<HttpsAnswer> {
  const { RESOLVER_ADDRESS, DOMAIN, CA_DIR, VISITOR_PATIENCE_SECONDS } = settings;
  let failure: unknown = new Error('no attempt was made');
  const attempt = async () => {
    try {
      const roots = (await readIfThere(join(CA_DIR, 'roots.pem'))) ?? '';
      const answer = await requestHttps(RESOLVER_ADDRESS, [roots], DOMAIN, '/');
      if (answer.status === 200) return answer;
      failure = new Error(`status ${answer.status}`);
    } catch (thrown) {
      failure = thrown;
    }
    return undefined;
  };
  const timeoutMs = VISITOR_PATIENCE_SECONDS * 1000;
  const answer = await until(attempt, { clock: systemClock, timeoutMs, everyMs: EVERY_MS });
  if (answer) return answer;
  const what = `https://${DOMAIN}/ did not respond within ${VISITOR_PATIENCE_SECONDS} s`;
  throw new Error(`${what}: ${failure instanceof Error ? failure.message : String(failure)}`);
}

/** The records that the ingress has published, according to the first name server. */
async function recordsOf({ NS1_ADDRESS, DOMAIN }: Settings): Promise<string[]> {
  const questions = [
    [DOMAIN, 'CNAME'],
    [DOMAIN, 'CAA'],
    [`_dstack-app-address.${DOMAIN}`, 'TXT'],
  ] as const;
  const replies = await Promise.all(questions.map(([name, type]) => query(NS1_ADDRESS, name, type)));
  return replies.flatMap(({ answers }, at) =>
    answers.filter(({ type }) => type === questions[at]?.[1]).map(describe),
  );
}

function describe(answer: Answer): string {
  const words = `${answer.name} ${answer.type}`;
  switch (answer.type) {
    case 'CAA':
      return `${words} ${answer.data.flags} ${answer.data.tag} "${answer.data.value}"`;
    case 'TXT':
      return `${words} "${[answer.data].flat().map(String).join('')}"`;
    case 'CNAME':
      return `${words} ${answer.data}`;
    default:
      return words;
  }
}

function curlLines({ DOMAIN, PUBLISHED_PORT }: Settings): string[] {
  return [
    'docker compose -f examples/demo/compose.yaml exec -T ca cat /ca/roots.pem > roots.pem',
    `curl --cacert roots.pem --resolve ${DOMAIN}:${PUBLISHED_PORT}:127.0.0.1 https://${DOMAIN}:${PUBLISHED_PORT}/`,
  ];
}
