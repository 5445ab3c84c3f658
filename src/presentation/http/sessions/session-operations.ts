import * as z from 'zod';
import { errorsOf, type Operation, refusalSchema } from '../server/openapi.ts';
import {
  artifactPathSchema,
  artifactQuerySchema,
  artifactTextSchema,
  consequencesSchema,
  controlSchema,
  diffQuerySchema,
  diffSchema,
  evidenceQuerySchema,
  evidenceSchema,
  landingSchema,
  landSchema,
  sessionEventsQuerySchema,
  sessionEventsSchema,
  sessionMessagesQuerySchema,
  sessionMessagesSchema,
  sessionPageSchema,
  sessionReferenceSchema,
  sessionStatusSchema,
  sessionsQuerySchema,
} from './session-schemas.ts';

const params = { session_id: sessionReferenceSchema };
const landing = { 'application/json': landingSchema };

/** Operations of sessions. */
export const sessionOperations = [
  {
    ...{ method: 'get', path: '/api/sessions', id: 'listSessions', tag: 'sessions' },
    summary: 'Sessions of every project of this machine, newest first',
    query: sessionsQuerySchema,
    answers: { 200: { description: 'A page', content: { 'application/json': sessionPageSchema } } },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'get', path: '/api/sessions/{session_id}', id: 'getSessionStatus', tag: 'sessions' },
    ...{ summary: 'A session: its state, agents and files', params },
    answers: { 200: { description: 'Its status', content: { 'application/json': sessionStatusSchema } } },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'get', path: '/api/sessions/{session_id}/events', id: 'getSessionEvents', tag: 'sessions' },
    ...{ summary: 'The events of a session, newest first', params },
    query: sessionEventsQuerySchema,
    answers: { 200: { description: 'A page', content: { 'application/json': sessionEventsSchema } } },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'get', path: '/api/sessions/{session_id}/messages', id: 'getSessionMessages' },
    ...{ tag: 'sessions', summary: 'The messages of a session, newest first', params },
    query: sessionMessagesQuerySchema,
    answers: { 200: { description: 'A page', content: { 'application/json': sessionMessagesSchema } } },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'get', path: '/api/sessions/{session_id}/evidence', id: 'getEvidence', tag: 'sessions' },
    ...{ summary: "What proves a session's work", params },
    description: "The document of 'maos evidence --json'.",
    query: evidenceQuerySchema,
    answers: { 200: { description: 'The evidence', content: { 'application/json': evidenceSchema } } },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'get', path: '/api/sessions/{session_id}/diff', id: 'getDiff', tag: 'sessions' },
    ...{ summary: 'What an agent changed in its worktree', params },
    query: diffQuerySchema,
    answers: { 200: { description: 'Its changes', content: { 'application/json': diffSchema } } },
    errors: errorsOf(refusalSchema, 400, 404, 409),
  },
  {
    ...{ method: 'get', path: '/api/sessions/{session_id}/artifacts/{path}', id: 'getArtifact' },
    ...{ tag: 'sessions', summary: 'A file that agents left' },
    params: { ...params, path: artifactPathSchema },
    query: artifactQuerySchema,
    answers: {
      200: {
        description: 'The file, at most 32 MiB, or the beginning of its text',
        content: { 'application/octet-stream': z.string(), 'application/json': artifactTextSchema },
      },
    },
    errors: errorsOf(refusalSchema, 400, 403, 404, 409),
  },
  {
    ...{ method: 'post', path: '/api/sessions/{session_id}/control', id: 'controlSession', tag: 'sessions' },
    ...{ summary: 'Pause, resume, cancel or retry a session, or one of its agents', params },
    body: controlSchema,
    answers: {
      200: {
        description: 'Its status once it has taken effect; or, of a dry run, what will happen',
        content: { 'application/json': z.union([consequencesSchema, sessionStatusSchema]) },
      },
      202: {
        description: 'It is requested and has not taken effect yet',
        content: { 'application/json': sessionStatusSchema },
      },
    },
    errors: errorsOf(refusalSchema, 400, 404, 409),
  },
  {
    ...{ method: 'post', path: '/api/sessions/{session_id}/land', id: 'landSession', tag: 'sessions' },
    ...{ summary: "Land the work of an ended session's agents on a branch", params },
    description:
      "Answers before anything has landed. Each branch is checked first, and conflicts go back to its agent. 'latest' is the newest session with agents in worktrees.",
    body: landSchema,
    answers: {
      200: { description: 'Nothing was started: a dry run, or nothing is left to land', content: landing },
      202: { description: 'landing_session_id lands it', content: landing },
    },
    errors: errorsOf(refusalSchema, 400, 403, 404, 409),
  },
] as const satisfies readonly Operation[];
