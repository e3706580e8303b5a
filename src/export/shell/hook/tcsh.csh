alias cwdcmd @QUOTED@;
if ( `alias precmd` == '' ) alias precmd @QUOTED@;
@EVALUATE@;
