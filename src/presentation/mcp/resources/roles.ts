import { catalogueOf } from '../../../application/roles/role-catalogue.ts';
import { roleView } from '../../contracts/views.ts';
import type { Resource } from '../server/resource.ts';
import { json } from './sessions-named.ts';

export const rolesResource: Resource = {
  uri: 'maos://roles',
  name: 'roles',
  title: 'Roles for agents',
  description: 'Every role an agent can have, with responsibilities, capabilities and default limits.',
  mimeType: 'application/json',
  async read(_, uri, context) {
    const { custom, predefined } = catalogueOf(await context.roles());
    return json(uri, { roles: [...custom, ...predefined].map(roleView) });
  },
};
