// Somebody else's OpenID Connect provider (npm oidc-provider), as an upstream of ours.
// node oidc_provider.mjs '{"port":…,"redirect_uri":…,"after_logout":…,"jwk":{…}}'; prints "ready" when it listens.
import http from 'node:http';
import Provider, { interactionPolicy } from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

const given = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${given.port}`;
const LEVEL = { 'urn:sd:loa:2': 2, 'urn:sd:loa:3': 3 };
const METHOD = { pwd: ['urn:sd:loa:2', ['pwd']], face: ['urn:sd:loa:3', ['pwd', 'face', 'mfa']] };
const USERS = {
  zhangmx: { user_type: '1', name: '张明轩', id_type: '1', id_number: '370102199003071238', phone_number: '13800000001' },
  company: {
    user_type: '2', name: '张明轩', id_type: '1', id_number: '370102199003071238', phone_number: '13800000001',
    org_name: '山东一窗示例科技有限公司', uscc: '91370100MA3ABCDE1G', cor_role: '1',
  },
};

const tooLow = new interactionPolicy.Check('acr_too_low', 'step-up is needed', (ctx) => {
  const wanted = (ctx.oidc.params.acr_values ?? '').split(' ').filter((acr) => LEVEL[acr]).map((acr) => LEVEL[acr]);
  if (!wanted.length) return interactionPolicy.Check.NO_NEED_TO_PROMPT;
  return (LEVEL[ctx.oidc.acr ?? ctx.oidc.session?.acr] ?? 0) < Math.min(...wanted);
});
const policy = interactionPolicy.base();
policy.get('login').checks.add(tooLow);

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'peer-1' };

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'onewindow', redirect_uris: [given.redirect_uri], post_logout_redirect_uris: [given.after_logout],
    response_types: ['code'], grant_types: ['authorization_code'], id_token_signed_response_alg: 'ES256',
    token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [given.jwk] },
  }],
  jwks: { keys: [key] },
  acrValues: Object.keys(LEVEL),
  clientAuthMethods: ['private_key_jwt'],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256'] },
  claims: {
    openid: ['sub', 'acr', 'amr', 'auth_time'], profile: ['name', 'user_type'], identity: ['id_type', 'id_number'],
    org: ['org_name', 'uscc', 'cor_role'], phone: ['phone_number'], sid: null,
  },
  scopes: ['openid', 'profile', 'identity', 'org', 'phone'],
  features: {
    devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: given.par === 'required' },
  },
  pkce: { required: () => true },
  cookies: { keys: ['only-for-this-test'] },
  interactions: { policy, url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...USERS[id] }) }),
});

// Logs in whom the query names, by the method that it names, and consents.
async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (details.prompt.name === 'login') {
    const query = new URL(request.url, issuer).searchParams;
    if (!query.has('user')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ prompt: details.prompt.reasons }));
      return;
    }
    const [acr, amr] = METHOD[query.get('method')];
    const login = { accountId: query.get('user'), acr, amr };
    await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
    return;
  }
  const grant = new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope((details.prompt.details.missingOIDCScope ?? []).join(' '));
  grant.addOIDCClaims(details.prompt.details.missingOIDCClaims ?? []);
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
http
  .createServer((request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response);
    return interact(request, response).catch((error) => { response.statusCode = 500; response.end(String(error)); });
  })
  .listen(given.port, '127.0.0.1', () => console.log('ready'));
