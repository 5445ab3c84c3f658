import { writeGeminiSettings } from '../helpers/gemini-cli.ts';
import { backendCases } from './backend-cases.ts';
import { geminiDriver } from './gemini-driver.ts';
import { mentionCase, serverCase } from './mention-cases.ts';

backendCases(geminiDriver);
mentionCase(geminiDriver);
serverCase(geminiDriver, (home, user) => writeGeminiSettings(home, { user }));
