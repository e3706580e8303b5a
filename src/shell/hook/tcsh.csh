alias cwdcmd @QUOTED@;
@EVALUATE@;
