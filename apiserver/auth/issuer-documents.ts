/** OpenID discovery of the issuer of service account tokens: with it, others can verify our tokens. */
import type { Handler } from '../rest/request-context.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** Whoever verifies tokens may keep the documents this long, as upstream's. */
const cacheControl = 'public, max-age=3600';

/** Path -> what answers it. */
export function issuerPaths(
  { issuer, algorithms, keySet }: ServiceAccountTokens,
  advertise: { host: string; port: number },
): ReadonlyMap<string, Handler> {
  const serve =
    (contentType: string, value: () => object): Handler =>
    async ({ response }) => {
      const body = Buffer.from(JSON.stringify(value()));
      response!.writeHead(200, {
        'content-type': contentType,
        'content-length': body.length,
        'cache-control': cacheControl,
      });
      response!.end(body);
    };
  const configuration = () => ({
    issuer,
    jwks_uri: `https://${advertise.host}:${advertise.port}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms(),
  });
  const paths = new Map([
    ['/.well-known/openid-configuration', serve('application/json', configuration)],
    ['/openid/v1/jwks', serve('application/jwk-set+json', keySet)],
  ]);
  return new Map([...paths].flatMap(([path, handler]) => [[path, handler] as const, [`${path}/`, handler] as const]));
}
