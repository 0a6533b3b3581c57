import { defineProvider } from '../shared/definition.ts';
import { openRoute53 } from './provider.ts';
import { variables } from './variables.ts';

/** Amazon Route 53 (API of 2013-04-01, https://docs.aws.amazon.com/Route53/latest/APIReference/). */
export const route53 = defineProvider({
  name: 'route53',
  title: 'Route 53',
  variables,
  credentials: ['AWS_ACCESS_KEY_ID', 'AWS_ROLE_ARN'],
  open: openRoute53,
});
