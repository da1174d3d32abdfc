// A real authorization server (oidc-provider) for tests/peers/oauth.rs, on a free port of the loopback.
//
// argv: JSON { modules, control, lifetime, certificate }. `modules` is where npm has put oidc-provider; `control` is the sandbox's control API, which is told of each access token before the
// client gets it, so that its mailbox opens with what this server has handed out and with nothing else.
// Prints one line of JSON, { issuer }. POST /test/down and /test/up: whether it answers. GET /test/seen: what it was asked.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const { modules, control, lifetime, certificate } = JSON.parse(process.argv[2]);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));
const seen = { granted: {}, refused: [], turned_away: 0 };
let down = false;

const key = certificate && { ...createPublicKey(readFileSync(certificate)).export({ format: 'jwk' }), alg: 'PS256', use: 'sig' };
const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'mail' };

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { ...machine, client_id: 'by-secret', client_secret: 'right', token_endpoint_auth_method: 'client_secret_post' },
      ...(key ? [{ ...machine, client_id: 'by-key', token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'PS256', jwks: { keys: [key] } }] : []),
      { client_id: 'by-person', token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: [], response_types: [],
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'] },
    ],
    scopes: ['openid', 'offline_access', 'mail'],
    features: { clientCredentials: { enabled: true }, deviceFlow: { enabled: true } },
    enabledJWA: { clientAuthSigningAlgValues: ['PS256'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: () => true,
    // A refresh token is good once; who shows it again has stolen it, and the whole sign-in ends.
    rotateRefreshToken: true,
    ttl: { AccessToken: lifetime, ClientCredentials: lifetime, RefreshToken: 86400, DeviceCode: 600, Grant: 86400, Session: 86400, Interaction: 600 },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path !== '/token') return;
    const grant = ctx.oidc?.params?.grant_type?.split(':').pop();
    if (ctx.status !== 200) {
      if (ctx.body?.error !== 'authorization_pending') seen.refused.push(`${grant} ${ctx.body?.error}: ${ctx.body?.error_description}`);
      return;
    }
    seen.granted[grant] = (seen.granted[grant] ?? 0) + 1;
    const { access_token, expires_in } = ctx.body;
    await fetch(`${control}/tokens`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ access_token, expires_in }),
    });
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const reply = (status, body, headers) => response.writeHead(status, headers).end(body);
    switch (request.url) {
      case '/test/seen': return reply(200, JSON.stringify(seen));
      case '/test/down': down = true; return reply(204);
      case '/test/up': down = false; return reply(204);
    }
    if (down) {
      seen.turned_away += 1;
      return reply(503, 'down', { 'retry-after': '1' });
    }
    return answer(request, response);
  });
  console.log(JSON.stringify({ issuer }));
});
