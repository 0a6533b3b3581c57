import { startApp } from '../../dstack/app.ts';
import { EVERYWHERE, PORTS, type Service } from './service.ts';

/** The user's app behind the ingress. */
export const startAppService: Service = async (_settings, say) => {
  const app = await startApp({ address: EVERYWHERE, port: PORTS.app });
  say(`responding to HTTP on port ${app.port}`);
};
