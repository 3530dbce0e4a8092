/** Guards servlets. */
module dev.ambit.servlet {
    requires transitive dev.ambit;
    requires transitive jakarta.servlet;

    exports dev.ambit.servlet;
}
