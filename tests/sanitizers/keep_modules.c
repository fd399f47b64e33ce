/* Linked into the program under sanitizers.  Nothing is unloaded, so that the stack of a leak still
   has its names at the end.  LeakSanitizer crashes on a module that is gone. */
int dlclose(void *module);
int dlclose(void *module) { return (void)module, 0; }
