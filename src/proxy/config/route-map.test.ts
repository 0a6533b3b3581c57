import assert from 'node:assert/strict';
import { test } from 'node:test';
import { route, settings } from '../../../test/harness/proxy/settings.ts';
import { renderHaproxy } from './render.ts';
import { renderRouteMap } from './route-map.ts';
import type { ProxyRoute } from './routes.ts';

test('names of one target share a backend', () => {
  const routes = [route('a.example'), route('b.example'), route('c.example', { port: 81 })];
  const text = renderHaproxy({ ...settings, routes });
  assert.equal(text.match(/^backend /gm)?.length, 2);
  assert.equal(renderRouteMap(routes), 'a.example tcp:app:80\nb.example tcp:app:80\nc.example tcp:app:81\n');
});

test('wildcards are looked up only if there are any', () => {
  const wild = [route('*.example'), route('a.example', { port: 81 })];
  assert.match(renderHaproxy({ ...settings, routes: wild }), /regsub/);
  assert.doesNotMatch(renderHaproxy(settings), /regsub/);
  assert.equal(renderRouteMap(wild), '*.example tcp:app:80\na.example tcp:app:81\n');
});

const wrongRoutes: readonly (readonly ProxyRoute[])[] = [
  [route('a.example'), route('a.example', { port: 81 })],
  [route('a.example tcp:b:80')],
  [route('a.example\nb.example')],
  [route('A.example')],
  [route('*')],
];
for (const routes of wrongRoutes) {
  test(`routes with the names ${JSON.stringify(routes.map(({ name }) => name))} are a RangeError`, () => {
    assert.throws(() => renderRouteMap(routes), RangeError);
  });
}
