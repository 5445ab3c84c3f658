import { backendCases } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';

backendCases(codexDriver);
