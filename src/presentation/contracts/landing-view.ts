import type { LandingPreview, PreviewedWork } from '../../application/landing/preview.ts';
import type { StartedLanding } from '../../application/landing/start-landing.ts';
import type { SkippedWork } from '../../domain/landing.ts';
import type { LandedWork } from '../../domain/landing-outcome.ts';
import type { LandedBy } from '../../domain/work-text.ts';
import { checkReportView } from './work-view.ts';

/** The external form of what became of work in a landing. Missing: there is none. */

export function landedView({ name, state, paths, between, check, ...work }: LandedWork) {
  return {
    agent: name,
    state,
    ...given({ branch: work.branch, commit: work.commit, reason: work.reason, command: work.command }),
    ...(paths.length === 0 ? {} : { paths, conflicts_with: between }),
    ...(check === null ? {} : { check: checkReportView(check) }),
  };
}

export function landedByView(by: LandedBy | null) {
  return by === null ? {} : { landed_by: { session_id: by.id, state: by.state } };
}

export function previewView({ target, work }: LandingPreview) {
  return { dry_run: true, target, branches: work.map(previewedView) };
}

export function startedView({ workflow, target, skipped }: StartedLanding) {
  const branches = (workflow?.agents ?? []).map(({ name, work }) => ({
    agent: name,
    state: 'to_land' as const,
    ...given({ branch: work?.branch ?? null }),
  }));
  return {
    dry_run: false,
    target,
    landing_session_id: workflow?.session.id ?? null,
    branches: [...branches, ...skipped.map(skippedView)],
  };
}

function skippedView({ name, branch, reason }: SkippedWork) {
  return { agent: name, state: 'skipped' as const, ...given({ branch, reason }) };
}

function previewedView({ name, outlook, branch, reason, paths, between }: PreviewedWork) {
  return {
    agent: name,
    state: outlook,
    ...given({ branch, reason }),
    ...(paths.length === 0 ? {} : { paths, conflicts_with: between }),
  };
}

/** Omits null fields. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const there = Object.entries(fields).filter(([, value]) => value !== null);
  return Object.fromEntries(there) as { [K in keyof T]?: NonNullable<T[K]> };
}
