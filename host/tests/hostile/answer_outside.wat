;; answer engine.trap
;; 100 bytes from the last address on
(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.const 0xffffffff00000064))
