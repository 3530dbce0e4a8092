/** The contract of every store, as tests. */
module dev.ambit.storetest {
    requires transitive dev.ambit;
    requires transitive org.junit.jupiter.api;

    exports dev.ambit.storetest;
}
