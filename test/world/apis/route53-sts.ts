import { Identity, type Role } from './route53-identity.ts';
import { Refusal } from './route53-refusal.ts';
import type { XmlTree } from './route53-xml.ts';

/** A new session, and the response with its keys. */
export interface AssumedRole {
  readonly session: Identity;
  readonly content: XmlTree;
}

/**
 * AssumeRole of the STS query API
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). Throws Refusal.
 */
export function assumeRole(
  form: URLSearchParams,
  who: Identity,
  roles: ReadonlyMap<string, Role>,
): AssumedRole {
  if (form.get('Action') !== 'AssumeRole' || form.get('Version') !== '2011-06-15') {
    throw new Refusal(400, 'InvalidAction', `Could not find operation ${form.get('Action')}`);
  }
  const arn = form.get('RoleArn') ?? '';
  const name = form.get('RoleSessionName') ?? '';
  if (arn.length < 20 || !/^[\w+=,.@-]{2,64}$/.test(name)) {
    throw new Refusal(
      400,
      'ValidationError',
      "1 validation error detected: Value at 'roleArn' or 'roleSessionName' failed to satisfy constraint",
    );
  }
  const role = roles.get(arn);
  who.requireAssume(arn, role, form.get('ExternalId') ?? undefined);
  const seconds = Number(form.get('DurationSeconds') ?? 3600);
  if (seconds < 900 || seconds > 3600) {
    throw new Refusal(
      400,
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
  }
  const sessionArn = `${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${name}`;
  const session = new Identity(sessionArn, role?.grants ?? {}, 'session');
  session.expires = Date.now() + seconds * 1000;
  const Credentials = {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: new Date(session.expires).toISOString(),
  };
  return { session, content: { AssumeRoleResult: { Credentials } } };
}
