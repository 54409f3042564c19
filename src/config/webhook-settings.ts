import { z } from 'zod';

/** One of `WEBHOOKS`; names as in `POST /api/webhooks`. */
export const webhookSettings = z
  .strictObject({
    tenant: z.string().min(1).max(200).default('default'),
    url: z.url({ protocol: /^https?$/ }).max(2000),
    description: z.string().max(200).optional(),
    events: z.array(z.enum(['operation.completed', 'operation.failed', 'operation.cancelled'])).optional(),
    operation_type: z.string().min(1).max(200).optional(),
    /** Default: one that the service makes, which only its store knows. */
    secret: z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and the base64 of 24 to 64 bytes')
      .optional(),
  })
  .transform(({ operation_type: operationType, ...rest }) => ({ ...rest, operationType }));

export type WebhookTarget = z.output<typeof webhookSettings>;
