import { describeTwoEras } from '../helpers/two-eras.ts';

describeTwoEras(500);
