// npm openid-client speaks with our authorization server: what it says is printed as one JSON line.
import * as oc from 'openid-client'

const [issuer, clientId, keyText, back, agentId, agentKeyText] = process.argv.slice(2)
const ACR = 'urn:sd:loa:3'

async function client(id, text) {
  const { kid, ...jwk } = JSON.parse(text)
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  const config = await oc.discovery(new URL(issuer), id, {}, oc.PrivateKeyJwt({ key, kid }), {
    execute: [oc.allowInsecureRequests],
  })
  return { config, DPoP: oc.getDPoPHandle(config, await oc.randomDPoPKeyPair('ES256')) }
}

// A browser: follows redirects up to the portal, keeps cookies, fills the login page in.
async function visit(start, account) {
  const jar = new Map()
  const load = async (url, init = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', ...init, headers: { ...init.headers, cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=')
      jar.set(name, value)
    }
    return answer
  }
  let url = start
  let answer = await load(url)
  for (let step = 0; step < 12; step++) {
    if (answer.status >= 300 && answer.status < 400) {
      url = new URL(answer.headers.get('location'), url)
      if (url.href.startsWith(back)) return url
      answer = await load(url)
    } else {
      // Whoever is known too little goes on to a second factor, which this browser does not pass.
      if (url.pathname.startsWith('/verify/')) throw Object.assign(new Error(url.pathname), { code: 'second_factor' })
      const html = await answer.text()
      const form = new URLSearchParams({ account })
      for (const [, name, value] of html.matchAll(/<input type="hidden" name="([^"]+)"\s+value="([^"]*)">/g)) {
        form.set(name, value.replaceAll('&amp;', '&'))
      }
      answer = await load(url, { method: 'POST', body: form })
    }
  }
  throw new Error('the browser went in circles')
}

async function signIn({ config, DPoP }, account, acr) {
  const verifier = oc.randomPKCECodeVerifier()
  const state = oc.randomState()
  const nonce = oc.randomNonce()
  const url = await oc.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: back,
    scope: 'openid profile case.read case.write',
    idp: 'sd_jis',
    ui_locales: 'zh-CN',
    max_age: '300',
    acr_values: acr,
    state,
    nonce,
    code_challenge: await oc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }, { DPoP })
  const landed = await visit(url, account)
  return oc.authorizationCodeGrant(config, landed, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    maxAge: 300,
    idTokenExpected: true,
  }, undefined, { DPoP })
}

const refusal = (promise) => promise.then(() => 'accepted', (error) => error.error ?? error.cause?.error ?? error.code)

const portal = await client(clientId, keyText)
const found = { par: portal.config.serverMetadata().require_pushed_authorization_requests }
found.stepUp = await refusal(signIn(portal, 'jis-u-000003', ACR))
const tokens = await signIn(portal, 'jis-u-000001', ACR)
const claims = tokens.claims()
found.type = tokens.token_type
found.acr = claims.acr
found.sub = claims.sub
const info = await oc.fetchUserInfo(portal.config, tokens.access_token, claims.sub, { DPoP: portal.DPoP })
found.name = info.name
const me = new URL('/v1/me', issuer)
const call = (who, token, DPoP) => oc.fetchProtectedResource(who.config, token, me, 'GET', undefined, undefined, { DPoP })
found.me = (await call(portal, tokens.access_token, portal.DPoP)).status
const refreshed = await oc.refreshTokenGrant(portal.config, tokens.refresh_token, undefined, { DPoP: portal.DPoP })
found.refreshed = refreshed.token_type

const agent = await client(agentId, agentKeyText)
const exchange = (scope) => oc.genericGrantRequest(agent.config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
  subject_token: refreshed.access_token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  scope,
}, { DPoP: agent.DPoP })
const delegated = await exchange('case.read')
found.delegated = delegated.scope
found.delegatedMe = (await call(agent, delegated.access_token, agent.DPoP)).status
found.act = (await oc.tokenIntrospection(agent.config, delegated.access_token)).act
found.escalation = await refusal(exchange('case.read case.submit'))
found.own = (await oc.clientCredentialsGrant(agent.config, { scope: 'case.read' }, { DPoP: agent.DPoP })).token_type

found.replayed = await refusal(
  oc.refreshTokenGrant(portal.config, tokens.refresh_token, undefined, { DPoP: portal.DPoP }),
)
found.afterReplay = (await fetch(me, { headers: { authorization: `DPoP ${refreshed.access_token}` } })).status
const again = await signIn(portal, 'jis-u-000001', ACR)
await oc.tokenRevocation(portal.config, again.refresh_token)
found.revoked = (await oc.tokenIntrospection(portal.config, again.access_token)).active
const way = oc.buildEndSessionUrl(portal.config, {
  id_token_hint: again.id_token,
  post_logout_redirect_uri: `${back}bye`,
})
found.bye = (await fetch(way, { redirect: 'manual' })).status
console.log(JSON.stringify(found))
