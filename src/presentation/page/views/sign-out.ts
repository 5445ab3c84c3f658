import { post, signedOut } from '../api.ts';

export async function signOut(): Promise<void> {
  await post('/api/sign-out', {}).catch(() => {
    // The sign-in has ended already, or ends by itself.
  });
  signedOut.tell();
}
