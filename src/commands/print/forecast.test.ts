import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZoneForecast } from '../../reconcile/forecast.ts';
import { describeForecast, describeOnlyWarnings } from './forecast.ts';

const FORECAST = {
  ...{ provider: 'cloudflare', names: ['app.example.com'], unplanned: [] },
  ...{ certificates: [], failures: [] },
};
const zoneWith = (value: string): ZoneForecast => {
  const name = '_dstack-app-address.app.example.com';
  return {
    ...{ zone: { id: 'z1', name: 'example.com' }, names: ['app.example.com'], changes: [], leftovers: [] },
    unchanged: [{ name, type: 'TXT', value, ttl: 60 }],
  };
};

test('text from the zone cannot control the terminal', () => {
  const text = describeForecast({ ...FORECAST, zones: [zoneWith('\u001b[2J\nfake line \u202e')] }, []);
  assert.ok(text.includes('\\u001b[2J\\u000afake line \\u202e'), text);
  assert.doesNotMatch(text, /[\u001b\u202e]/);
});

test('without warnings and without a plan nothing is printed', () =>
  assert.equal(describeOnlyWarnings([]), ''));
