import { describeTwoEras } from '../helpers/two-eras.ts';

describeTwoEras(10_000);
