import * as z from 'zod';
import {
  eventsQuerySchema,
  lastSeenSchema,
  sessionEventSchema,
  snapshotSchema,
} from '../events/event-schemas.ts';
import { errorsOf, type Operation, openApiPath, refusalSchema } from './openapi.ts';

/** MAOS's own endpoints, beside those of protocols. */
export const maosOperations = [
  {
    ...{
      method: 'get',
      path: '/',
      id: 'page',
      tag: 'maos',
      summary: 'The dashboard, or an overview of the endpoints',
    },
    answers: {
      200: {
        description: 'The dashboard if the Accept header asks for HTML, otherwise text',
        content: { 'text/plain': z.string(), 'text/html': z.string() },
      },
      401: { description: 'For a browser, how to sign in', content: { 'text/html': z.string() } },
      403: { description: 'For a browser, how to open it', content: { 'text/html': z.string() } },
    },
  },
  {
    ...{
      method: 'get',
      path: '/assets/{name}',
      id: 'asset',
      tag: 'maos',
      summary: 'A file of the dashboard',
    },
    params: { name: z.string().max(100) },
    answers: {
      200: {
        description: 'Its name changes with its content',
        content: { 'text/javascript': z.string(), 'text/css': z.string() },
      },
    },
    errors: errorsOf(refusalSchema, 404),
  },
  {
    ...{ method: 'get', path: '/health', id: 'health', tag: 'maos', summary: 'Health check' },
    open: true,
    answers: {
      200: {
        description: 'The server is healthy',
        content: {
          'application/json': z.strictObject({ status: z.literal('ok'), version: z.string() }),
        },
      },
    },
  },
  {
    ...{ method: 'get', path: '/metrics', id: 'metrics', tag: 'maos', summary: 'Metrics for Prometheus' },
    answers: {
      200: {
        description: "In Prometheus's text format 0.0.4",
        content: { 'text/plain': z.string() },
      },
    },
  },
  {
    ...{ method: 'get', path: openApiPath, id: 'openApi', tag: 'maos', summary: 'This document' },
    answers: {
      200: {
        description: 'OpenAPI 3.1',
        content: { 'application/json': z.looseObject({ openapi: z.string(), paths: z.looseObject({}) }) },
      },
    },
  },
  {
    ...{ method: 'get', path: '/events', id: 'events', tag: 'maos', summary: 'Live event stream' },
    description:
      "`id` is a position to resume from, `event` the event's type, `data` as below. Without a position the stream begins with the event `snapshot`. A stream of all projects can send `snapshot` again: it replaces what was known.",
    query: eventsQuerySchema,
    headers: { 'Last-Event-ID': lastSeenSchema },
    answers: {
      200: {
        description: 'A stream without end',
        content: { 'text/event-stream': z.union([snapshotSchema, sessionEventSchema]) },
      },
    },
    errors: errorsOf(refusalSchema, 400, 404),
  },
] as const satisfies readonly Operation[];
