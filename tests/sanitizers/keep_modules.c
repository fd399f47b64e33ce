/* Linked into the program under sanitizers: nothing is unloaded, so that a leak's stack still has
   names at the end (LeakSanitizer's own walk over a module that is gone even crashes). */
int dlclose(void *module);
int dlclose(void *module) { return (void)module, 0; }
