;; answer engine.trap
(data (i32.const 4096) "{\"allowed\":true}")
(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.const 0x0000100000000010))
