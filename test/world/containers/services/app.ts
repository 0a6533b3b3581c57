import { startApp } from '../../dstack/app.ts';
import { EVERYWHERE, PORTS, type Service } from './service.ts';

/** What the user runs behind the ingress. */
export const startAppService: Service = async (_settings, say) => {
  const app = await startApp({ address: EVERYWHERE, port: PORTS.app });
  say(`answers HTTP at port ${app.port}`);
};
