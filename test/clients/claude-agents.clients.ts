import { installClaudeCode } from '../helpers/claude-code.ts';
import { claudeDriver } from './agent-client-drivers.ts';
import { backendCases } from './backend-cases.ts';

// The rest of the list stands in files of its own.
backendCases({ ...claudeDriver, install: () => installClaudeCode() }, ['team server', 'no team server']);
