/** May this AI agent do this, to this, for this purpose, now, and if not, what would it take? */
module dev.ambit {
    requires transitive java.net.http;
    requires run.endive.runtime;

    exports dev.ambit;
    exports dev.ambit.auditlog;
    exports dev.ambit.guard;
    exports dev.ambit.statuslist;
}
