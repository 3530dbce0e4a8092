/** A store in an SQLite file. */
module dev.ambit.sqlite {
    requires transitive dev.ambit;
    requires java.sql;
    requires org.xerial.sqlitejdbc;

    exports dev.ambit.sqlite;
}
