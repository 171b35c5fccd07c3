// The description of the api for people and programs, working without the internet.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

/** `/openapi.json`, its page under `/docs`, and `/asyncapi.json`. All are public. */
export async function addDocs(app: FastifyInstance, document: object, messages: object): Promise<void> {
  for (const [path, described] of [
    ['/openapi.json', document],
    ['/asyncapi.json', messages],
  ] as const) {
    const text = JSON.stringify(described);
    app.get(path, { config: { permission: 'public' } }, async (_request, reply) =>
      reply.header('content-type', 'application/json; charset=utf-8').send(text),
    );
  }
  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, permission: 'public' };
    });
    await docs.register(swagger, { mode: 'static', specification: { document: document as never } });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      // On a plain port nothing answers https, and nothing is to be fetched from elsewhere.
      transformStaticCSP: (policy) =>
        policy.replace('upgrade-insecure-requests;', '').replaceAll(' https:', '').replace(' validator.swagger.io', ''),
      uiConfig: { validatorUrl: null, persistAuthorization: true, tryItOutEnabled: true },
    });
  });
}
